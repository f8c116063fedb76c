import Mesh
import Testing

@testable import meshd

/// One number for the health of a mesh, and why it is not 1.
@Suite struct HealthScoreTests {
    typealias Finding = ClusterHealth.Finding

    private static func score(
        _ findings: [Finding],
        disks: [(name: String, free: UInt64, all: UInt64)] = []
    ) -> HealthScore {
        HealthScore(ClusterHealth(level: .healthy, sentence: "", findings: findings), disks: disks)
    }

    @Test("nothing wrong is 1, without a reason")
    func whole() {
        #expect(Self.score([]) == Self.score([], disks: [("a", 50, 100), ("b", 0, 0)]))
        #expect(Self.score([]).value == 1 && Self.score([]).reasons.isEmpty)
    }

    @Test("one more finding never makes it better, in any order, and a graver one costs more")
    func falls() {
        let all: [Finding] = [
            Finding("movement", .note, [], "it moves"), Finding("copies", .note, [], "two of three", advice: "add one"),
            Finding("holder-dead", .warning, ["n3"], "n3 is dead", advice: "start it"),
            Finding("voters-lost", .error, [], "most are gone"), Finding("removed", .error, [], "removed"),
        ]
        var before = 1.0
        for count in 1...all.count {
            let value = Self.score(Array(all.prefix(count))).value
            #expect(value > 0 && value < before)
            before = value
        }
        let alone = all.prefix(4).map { Self.score([$0]).value }
        #expect(alone == alone.sorted(by: >) && Set(alone).count == 4)
        let score = Self.score(all.reversed())
        #expect(score.value == before && score.reasons.map(\.costs) == score.reasons.map(\.costs).sorted(by: >))
        #expect(score.reasons.count == all.count && score.reasons.contains { $0.advice == "start it" })
    }

    @Test("a disk that fills up is a reason before it is full, and only once")
    func disks() {
        let near = Self.score([], disks: [("a", 14, 100), ("b", 15, 100)])
        #expect(near.reasons.map(\.text) == ["the disk of a is full but for 14 %"] && near.value == 0.85)
        let full = Finding("disk-full", .error, ["a"], "the disk of a is too full for writes")
        #expect(Self.score([full], disks: [("a", 1, 100)]).reasons.count == 1)
    }
}
