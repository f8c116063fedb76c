/// Events as a table for spreadsheets: CSV as RFC 4180 has it.
package enum EventTable {
    package static let header = "time,severity,kind,node,about,message,who,from,action,outcome,sequence\r\n"

    package static func row(_ event: MeshEvent, time: String) -> String {
        [
            time, event.severity.rawValue, event.kind.rawValue, event.node, event.about, event.message, event.who,
            event.from, event.action, event.outcome, "\(event.sequence)",
        ].map { cell($0 ?? "") }.joined(separator: ",") + "\r\n"
    }

    /// A row that is no event, with a text where messages stand.
    package static func note(_ text: String) -> String {
        let columns = header.split(separator: ",").map { $0 == "message" ? text : "" }
        return columns.map(cell).joined(separator: ",") + "\r\n"
    }

    /// A spreadsheet takes what begins so for a formula and would run it: a name of a node or a key is only text.
    private static let formulaStarts: Set<Unicode.Scalar> = ["=", "+", "-", "@", "\t", "\r"]

    /// By scalars: a quote and an accent behind it are one character, and a quote all the same to who reads the table.
    static func cell(_ text: String) -> String {
        var cell: String.UnicodeScalarView = "\"".unicodeScalars
        if let first = text.unicodeScalars.first, formulaStarts.contains(first) { cell.append("'") }
        for scalar in text.unicodeScalars {
            if scalar == "\"" { cell.append(scalar) }
            cell.append(scalar)
        }
        cell.append("\"")
        return String(cell)
    }
}
