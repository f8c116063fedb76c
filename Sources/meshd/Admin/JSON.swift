import Foundation

/// JSON, the admin API's language: keys sorted so that answers compare, slashes as they are.
enum JSON {
    static func bytes(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }

    static func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    static func value<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(bytes))
    }

    /// `2026-11-21T04:05:06Z`
    static func date(millis: UInt64) -> String {
        Date(timeIntervalSince1970: Double(millis / 1000)).formatted(.iso8601)
    }

    static func nowMillis() -> UInt64 { UInt64(max(0, Date().timeIntervalSince1970 * 1000)) }

    /// The place of a field that a value which was read from these bytes does not have; empty: there is none. What is
    /// misspelt would be passed over in silence otherwise.
    static func strayField(in bytes: [UInt8], of value: some Encodable) throws -> String {
        let given = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
        let known = try JSONSerialization.jsonObject(with: Data(self.bytes(value)), options: .fragmentsAllowed)
        return stray(given, known, "") ?? ""
    }

    private static func stray(_ given: Any, _ known: Any, _ place: String) -> String? {
        if let given = given as? [String: Any], let known = known as? [String: Any] {
            for (name, value) in given.sorted(by: { $0.key < $1.key }) where !(value is NSNull) {
                guard let own = known[name] else { return place + name }
                if let found = stray(value, own, place + name + ".") { return found }
            }
        } else if let given = given as? [Any], let known = known as? [Any] {
            for (value, own) in zip(given, known) {
                if let found = stray(value, own, place) { return found }
            }
        }
        return nil
    }
}
