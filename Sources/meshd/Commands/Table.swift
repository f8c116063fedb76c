import Mesh

/// Text in columns, for people. Cells may hold what other nodes said of themselves, so they are made plain first.
enum Table {
    /// More than any name, address or reason has.
    private static let cellScalarsMax = 512

    static func text(header: [String], rows: [[String]]) -> String {
        let all = ([header] + rows).map { $0.map(plain) }
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    /// One line of text without anything that a terminal would obey.
    static func plain(_ text: String) -> String { PlainText.of(text, scalarsMax: cellScalarsMax) }
}
