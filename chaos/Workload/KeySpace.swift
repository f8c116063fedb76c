/// The keys of a run: a few that everybody fights for, many that are rarely touched, some with odd names.
struct KeySpace: Sendable {
    static let bucket = "chaos"
    private static let odd = [
        "odd/a b+c%25&<d>'\"", "odd/é", "odd/e\u{301}", "odd//twice", "odd/ends/", "odd/ends", "/starts", "odd/日本",
        "odd/~!*()",
    ]

    let hot: [String]
    let cold: [String]

    init(hot: Int, cold: Int) {
        self.hot = (0..<hot).map { "hot/\($0)" }
        self.cold = (0..<cold).map { "cold/\($0 % 16)/\($0)" } + Self.odd
    }

    func next(_ random: inout SeededRandom) -> String {
        let keys = random.oneIn(3) ? hot : cold
        return keys[Int.random(in: 0..<keys.count, using: &random)]
    }
}
