@testable import Mesh
import Swim
import Testing

@Suite struct KnownKeysTests {
    private func key(_ index: Int) -> PublicKey { PublicKey(UInt64(index), 1, 2, 3) }
    private func name(_ key: PublicKey) -> NodeID { NodeID(high: key.words.0, low: 9) }

    @Test("what is asked for stays, the rest is forgotten, and memory is bounded")
    func generations() {
        var keys = KnownKeys(limit: 10)
        for index in 0..<1_000 {
            keys.learn(key(index), name: name)
            #expect(keys.key(of: name(key(0))) == key(0) && keys.count <= 20, "index \(index)")
        }
        #expect(keys.key(of: name(key(999))) == key(999) && keys.key(of: name(key(500))) == nil)
    }
}
