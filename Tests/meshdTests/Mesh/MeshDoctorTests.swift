import Mesh
import Testing

@testable import meshd

@Suite struct MeshDoctorTests {
    private func doctor(
        _ lines: [[String: Any]],
        more: [String: Any] = [:],
        epochs: [String: Any] = [:],
        probes: [[String: Any]] = []
    ) throws -> [String: Diagnosis] {
        var keys: [String: Any] = [
            "meshID": "7f", "adminPublicKey": "", "newest": 1, "sending": 1, "announced": 1, "epochs": [Any](),
            "peers": [Any](), "decrees": [Any](),
        ]
        for (key, value) in epochs { keys[key] = value }
        let doctor = try MeshDoctor(
            report: Reports.members(lines, more: more),
            epochs: Reports.value(keys),
            probes: probes.map { try Reports.value($0) }
        )
        return Dictionary(uniqueKeysWithValues: doctor.diagnoses.map { ($0.check, $0) })
    }

    private func probe(_ to: String, small: Bool, full: Bool, stream: Bool) -> [String: Any] {
        func path(_ isAnswered: Bool) -> [String: Any] {
            isAnswered ? ["isAnswered": true, "micros": 9] : ["isAnswered": false]
        }
        return [
            "from": "n04", "to": to, "address": "a", "datagram": path(small), "fullDatagram": path(full),
            "stream": path(stream), "datagramBytes": 1_200,
        ]
    }

    private let own = Reports.line("n04", "alive", id: "44", age: 0, reach: "self", rtt: nil)

    @Test("a mesh that is well gets ten lines that say so")
    func well() throws {
        let all = try doctor(
            [own, Reports.line("n01", "alive", id: "01", age: 9)],
            probes: [probe("n01", small: true, full: true, stream: true)]
        )
        #expect(all.count == 10 && all.values.allSatisfy { $0.status == .ok })
    }

    @Test("each trouble has its own name, and names its nodes")
    func troubles() throws {
        let lines = [
            own, Reports.line("n01", "alive", id: "01", age: 9, more: ["clockSkewMillis": -400_000, "agrees": false]),
            Reports.line("n02", "alive", id: "02", age: 9, reach: "stream"),
            Reports.line("n03", "suspect", id: "03", age: 9, reach: "relay", more: ["version": "0.2.0"]),
            Reports.line("n03", "alive", id: "33", age: 9),
            // Who is gone has no troubles any more.
            Reports.line("n09", "dead", id: "09", age: 9, reach: "stream", more: ["clockSkewMillis": 900_000]),
        ]
        let all = try doctor(
            lines,
            more: ["isIsolated": true, "loopLagMillis": 600],
            epochs: ["sending": 2, "newest": 2, "announced": 2, "peers": [["name": "n01", "id": "01", "epoch": 1]]],
            probes: [
                probe("n01", small: true, full: false, stream: true),
                probe("n05", small: false, full: false, stream: true),
            ]
        )
        let expected: [(String, Diagnosis.Status, String)] = [
            ("isolation", .error, "n04"), ("udp", .error, "n02, n05"), ("mtu", .error, "reach n01,"),
            ("reach", .warning, "n03"), ("clock", .error, "of n01 is up to 6m"), ("lag", .error, "600.0ms"),
            ("epoch", .warning, "n01"), ("names", .warning, "n03"), ("versions", .note, "0.1.0, 0.2.0"),
            ("views", .note, "n01"),
        ]
        for (check, status, words) in expected {
            #expect(all[check]?.status == status && all[check]?.message.contains(words) == true, "\(check)")
        }
    }

    @Test("a key that was announced and has not come is named")
    func missingKey() throws {
        let all = try doctor([own], epochs: ["announced": 5])
        #expect(all["epoch"]?.status == .warning && all["epoch"]?.message.contains("5") == true)
    }
}
