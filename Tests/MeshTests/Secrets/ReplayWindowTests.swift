@testable import Mesh
import Swim
import Testing

@Suite struct ReplayWindowTests {
    @Test("a window agrees with a model that remembers everything, over random orders", arguments: 0..<40)
    func model(seed: Int) {
        var random = Random(seed: UInt64(seed))
        let start = random.next() >> UInt64(random.next() % 60)
        var window = ReplayWindow(startingAt: start)
        var seen: Set<UInt64> = []
        var newest = start
        for step in 0..<2_000 {
            let spread: UInt64 = [3, 40, 127, 128, 129, 300, 100_000][Int(random.next() % 7)]
            let offset = random.next() % spread
            let counter = random.next() % 2 == 0 ? newest &+ offset : (newest >= offset ? newest - offset : 0)
            let isNew = counter > start && !seen.contains(counter) && (counter > newest || newest - counter < 128)
            guard window.accepts(counter) == isNew, window.accept(counter) == isNew else {
                Issue.record("seed \(seed), step \(step), counter \(counter)")
                return
            }
            if isNew {
                seen.insert(counter)
                newest = max(newest, counter)
            }
        }
    }

    @Test("a window at the ends of its counters neither traps nor forgets")
    func ends() {
        var low = ReplayWindow(startingAt: 0)
        #expect(!low.accept(0) && low.accept(1) && !low.accept(1))
        #expect(low.accept(.max) && !low.accept(.max) && low.accept(.max - 127) && !low.accept(.max - 128))
        let high = ReplayWindow(startingAt: .max)
        #expect(!high.accepts(.max) && !high.accepts(0))
    }
}
