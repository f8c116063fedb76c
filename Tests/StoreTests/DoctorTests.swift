import Foundation
import Testing

@testable import Store

/// The doctor finds what was broken, and nothing in a healthy store.
@Suite struct DoctorTests {
    @Test("a healthy store has no damage; a flipped chunk and a lost segment are named")
    func findings() async throws {
        let scratch = Scratch()
        let store = try scratch.open()
        let bucket = try await store.bucket("b", .on)
        for number in 0..<8 {
            try await store.put(bucket, Key("k\(number % 4)"), [UInt8](repeating: 3, count: number * 40_000))
        }
        await store.close()
        let healthy = try Doctor.examine(scratch.directory)
        #expect(healthy.versions == 8)
        #expect(healthy.findings.filter { $0.severity == .damage }.isEmpty, "\(healthy.findings)")

        let name = try #require(
            try FileManager.default.contentsOfDirectory(atPath: scratch.directory + "/segments").sorted().first
        )
        let path = scratch.directory + "/segments/" + name
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[2000] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
        let flipped = try Doctor.examine(scratch.directory).findings.filter { $0.severity == .damage }
        #expect(flipped.count == 1)
        #expect(flipped.first?.text.contains(name) == true)

        try FileManager.default.removeItem(atPath: path)
        let lost = try Doctor.examine(scratch.directory).findings.filter { $0.severity == .damage }
        #expect(lost.contains { $0.text.contains("is missing") })
    }
}
