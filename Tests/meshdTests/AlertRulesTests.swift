import Foundation
import Testing

@testable import meshd

/// The alert rules and the dashboard that are shipped, held to the metrics that are shown.
@Suite struct AlertRulesTests {
    private static func packaged(_ name: String) throws -> String {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: root.appendingPathComponent("packaging/" + name), encoding: .utf8)
    }

    private struct Dashboard: Decodable {
        struct Panel: Decodable {
            struct Place: Decodable {
                let h: Int
                let w: Int
                let x: Int
                let y: Int
            }

            struct Target: Decodable { let expr: String }

            let id: Int
            let type: String
            let title: String
            let gridPos: Place
            let targets: [Target]?
        }

        let panels: [Panel]
    }

    @Test("the dashboard's panels are each once, beside one another, and ask something")
    func dashboard() throws {
        let panels = try JSONDecoder().decode(Dashboard.self, from: Data(Self.packaged("dashboard.json").utf8)).panels
        #expect(panels.count > 20 && Set(panels.map(\.id)).count == panels.count)
        var taken: Set<[Int]> = []
        for panel in panels {
            #expect(panel.type == "row" || panel.targets?.allSatisfy { $0.expr.contains("{job=") } == true)
            for x in panel.gridPos.x..<panel.gridPos.x + panel.gridPos.w {
                for y in panel.gridPos.y..<panel.gridPos.y + panel.gridPos.h {
                    #expect(x < 24 && taken.insert([x, y]).inserted, "\(panel.title)")
                }
            }
        }
    }

    /// Only for who shows the admin token.
    private static let ofBuckets: Set = ["meshd_bucket_bytes", "meshd_bucket_quota_bytes"]

    @Test(
        "every metric that a rule or a panel names is on the metrics page",
        arguments: ["alerts.yml", "dashboard.json"]
    )
    func metricsExist(file: String) async throws {
        let found = try Self.packaged(file).matches(of: /meshd_[a-z0-9_]+/).map { String($0.output) }
        let names = Set(found).subtracting(Self.ofBuckets)
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
