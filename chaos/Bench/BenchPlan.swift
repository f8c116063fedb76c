import ArgumentParser

/// What a load consists of.
enum BenchOperation: String, CaseIterable, Sendable, Codable, ExpressibleByArgument {
    case put
    case get
    case delete
    case list
    /// Of a hundred 60 GET, 30 PUT, 5 DELETE, 5 LIST.
    case mix

    /// One request of the mix.
    static func drawn(_ random: inout SeededRandom) -> BenchOperation {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<60: .get
        case 60..<90: .put
        case 90..<95: .delete
        default: .list
        }
    }
}

/// All that decides a load beside its target.
struct BenchPlan: Sendable, Codable, Equatable {
    let operation: BenchOperation
    /// One is drawn for each object.
    let sizes: [Int]
    let concurrency: Int
    /// Requests in a second that are due whatever happens; nil sends the next when the last was answered.
    let rate: Int?
    let seconds: Int
    /// Objects that are there before it begins: what is read, listed and deleted.
    let keys: Int
    let bucket: String
    let seed: UInt64

    func size(_ number: Int) -> Int {
        sizes[Int(SeededRandom.mix(seed &+ UInt64(number)) % UInt64(sizes.count))]
    }

    /// The object of that number, which is there before the load begins.
    func prepared(_ number: Int) -> (key: String, pattern: Pattern) {
        let key = "base/\(number)"
        return (key, Pattern(key: key, operation: UInt64(number), size: size(number)))
    }
}
