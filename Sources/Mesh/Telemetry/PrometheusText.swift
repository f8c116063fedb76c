/// A page in Prometheus' text format 0.0.4.
package struct PrometheusText {
    package enum Kind: String {
        case counter, gauge, histogram
    }

    package private(set) var text = ""

    package init() {}

    /// Begins a family of samples with one name.
    package mutating func family(_ name: String, _ help: String, _ kind: Kind) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    package mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Double) {
        text += name
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",") + "}"
        }
        text += " \(Self.number(value))\n"
    }

    /// A family with one sample and no labels.
    package mutating func single(_ name: String, _ help: String, _ kind: Kind, _ value: Double) {
        family(name, help, kind)
        sample(name, [], value)
    }

    /// The samples of one histogram, in seconds; classes are cumulative, as the format wants them.
    package mutating func histogram(_ name: String, _ labels: [(String, String)], _ histogram: LatencyHistogram) {
        let (counts, sumMicros) = histogram.snapshot
        var total: UInt64 = 0
        for (bound, count) in zip(LatencyHistogram.boundsMicros, counts) {
            total += count
            sample(name + "_bucket", labels + [("le", Self.number(Double(bound) / 1e6))], Double(total))
        }
        total += counts[counts.count - 1]
        sample(name + "_bucket", labels + [("le", "+Inf")], Double(total))
        sample(name + "_sum", labels, Double(sumMicros) / 1e6)
        sample(name + "_count", labels, Double(total))
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 9e15 ? "\(Int64(value))" : "\(value)"
    }

    private static func escaped(_ label: String) -> String {
        label.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
