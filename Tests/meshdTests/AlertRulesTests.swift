import Foundation
import Testing

@testable import meshd

/// The alert rules that are shipped, held to the metrics that are shown.
@Suite struct AlertRulesTests {
    private static var rules: String {
        get throws {
            let root = URL(fileURLWithPath: #filePath)
                .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            return try String(contentsOf: root.appendingPathComponent("packaging/alerts.yml"), encoding: .utf8)
        }
    }

    @Test("every metric that a rule names is on the metrics page")
    func metricsExist() async throws {
        let names = Set(try Self.rules.matches(of: /meshd_[a-z0-9_]+/).map { String($0.output) })
        #expect(names.count >= 20)
        try await LiveNode.run { live in
            let page = try await live.request("GET /metrics").body
            let shown = Set(page.matches(of: /TYPE ([a-z0-9_]+)\s/).map { String($0.output.1) })
            for name in names.sorted() {
                let family = name.replacing(/_(bucket|sum|count)$/, with: "")
                #expect(shown.contains(name) || shown.contains(family), "\(name)")
            }
        }
    }
}
