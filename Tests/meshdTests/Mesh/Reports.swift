import Foundation
import Mesh

@testable import meshd

/// Fixed reports, written as the JSON that nodes answer with.
enum Reports {
    /// 10:02:13.600 UTC on some day.
    static let nowMillis: UInt64 = 1_795_255_333_600

    static func line(
        _ name: String,
        _ state: String,
        id: String,
        age: UInt64,
        phi: Double = 0,
        reach: String = "direct",
        rtt: Int64? = 300,
        loss: Double = 0,
        more: [String: Any] = [:]
    ) -> [String: Any] {
        var line: [String: Any] = [
            "name": name, "id": id, "address": "10.0.0.1:9002", "zone": "a", "state": state,
            "sinceMillis": nowMillis - age, "phi": phi, "reach": reach, "loss": loss, "flaps": 0, "health": 0,
            "version": "0.1.0", "generation": 18, "incarnation": 2, "note": "", "s3": "10.0.0.1:9000",
            "admin": "10.0.0.1:9001", "capacityBytes": 2_147_483_648, "freeBytes": 1_610_612_736,
        ]
        if let rtt { line["rttMicros"] = rtt }
        for (key, value) in more { line[key] = value }
        return line
    }

    static var four: [[String: Any]] {
        [
            line("n04", "alive", id: "44", age: 3_542_400_000, reach: "self", rtt: nil),
            line(
                "n12",
                "suspect",
                id: "12",
                age: 2_400,
                phi: 8,
                reach: "none",
                rtt: nil,
                loss: 1,
                more: [
                    "note": "dead in 2.6s", "zone": "c",
                ]
            ),
            line("n07", "alive", id: "07", age: 10_800_000, phi: 2.1, reach: "relay", rtt: 4_100, loss: 0.31),
            line("n01", "dead", id: "01", age: 360_000, reach: "unknown", rtt: nil, more: ["version": ""]),
        ]
    }

    static func members(_ lines: [[String: Any]] = four, more: [String: Any] = [:]) throws -> MembersReport {
        var report: [String: Any] = [
            "meshID": "7f3a12cd99887766", "epoch": 3, "seenFrom": "n04", "seenFromID": "44", "atMillis": nowMillis,
            "viewDigest": "5c1e09d2aabbccdd", "agreeing": 2, "present": 3, "members": lines, "localHealth": 0,
            "loopLagMillis": 3.2, "lossBelief": 0.01, "isIsolated": false,
        ]
        for (key, value) in more { report[key] = value }
        return try value(report)
    }

    static func value<Value: Decodable>(_ object: Any) throws -> Value {
        try JSONDecoder().decode(Value.self, from: JSONSerialization.data(withJSONObject: object))
    }
}
