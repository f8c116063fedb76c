import Testing

/// The pages of the documentation, held to what they speak of.
@Suite struct PageTests {
    private let tree = SourceTree.shared

    @Test("every suite of tests that a page names is there")
    func suitesExist() throws {
        let suite = try Regex("(?:struct|class) (\\w+Tests)\\b", as: (Substring, Substring).self)
        var suites: Set<Substring> = []
        for file in tree.under("Tests/") {
            for line in file.lines { if let found = line.firstMatch(of: suite) { suites.insert(found.output.1) } }
        }
        // A name in code style that ends so is a suite, or the folder of a target.
        let named = try Regex("`([A-Z]\\w+Tests)`", as: (Substring, Substring).self)
        var count = 0
        for (page, text) in tree.pages {
            for found in text.matches(of: named) {
                count += 1
                let name = found.output.1
                let isKnown = suites.contains(name) || !tree.under("Tests/\(name)/").isEmpty
                #expect(isKnown, "\(page) names \(name)")
            }
        }
        #expect(count >= 20, "the page of invariants names its tests")
    }

    @Test("decisions are numbered without a gap, and those that others refer to exist")
    func decisions() throws {
        let page = try #require(tree.pages["Decisions.md"])
        let numbers = page.matches(of: #/\n## ([0-9]+)\. /#).compactMap { Int($0.output.1) }
        #expect(numbers.count >= 41 && numbers == Array(1...numbers.count))
        for (name, text) in tree.pages {
            for found in text.matches(of: /[Dd]ecision ([0-9]+)/) {
                #expect(Int(found.output.1).map(numbers.contains) == true, "\(name): \(found.output.0)")
            }
        }
    }

    @Test("the README is one that is read: 150 lines at most")
    func readme() throws {
        let text = try #require(tree.pages["README.md"])
        #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count <= 151)
    }
}
