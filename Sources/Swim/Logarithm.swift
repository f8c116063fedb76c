/// Logarithms without a mathematics library: the machine imports nothing, and so that a seed gives the same run on
/// every platform, the digits must not depend on whose `libm` is installed.
package enum Logarithm {
    /// The logarithm to base 2 of a positive, finite number; relative error below 1e-13. Zero and less give -1,074.
    package static func base2(_ x: Double) -> Double {
        guard x > 0 else { return -1074 }
        var mantissa = x.significand
        var exponent = Double(x.exponent)
        // Keep the mantissa around 1, where the series in s = (m − 1)/(m + 1) converges fastest.
        if mantissa > 1.4142135623730951 {
            mantissa /= 2
            exponent += 1
        }
        let s = (mantissa - 1) / (mantissa + 1)
        let square = s * s
        var sum = 0.0
        for k in stride(from: 19.0, through: 1.0, by: -2.0) {
            sum = sum * square + 1 / k
        }
        return exponent + 2 * s * sum * 1.4426950408889634
    }

    package static func base10(_ x: Double) -> Double { base2(x) * 0.30102999566398120 }

    package static func natural(_ x: Double) -> Double { base2(x) * 0.69314718055994531 }

    /// 2 to the power of `x`, for the half-lives; relative error below 1e-9.
    package static func exp2(_ x: Double) -> Double {
        guard x > -1000 else { return 0 }
        guard x < 1000 else { return .infinity }
        let whole = x.rounded()
        let y = (x - whole) * 0.69314718055994531
        var sum = 1.0
        for k in stride(from: 10.0, through: 1.0, by: -1.0) {
            sum = 1 + sum * y / k
        }
        return Double(sign: .plus, exponent: Int(whole), significand: sum)
    }
}
