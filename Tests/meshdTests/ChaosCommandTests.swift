import ArgumentParser
import Testing

@testable import meshd

/// `meshd chaos` for people without the source.
@Suite struct ChaosCommandTests {
    @Test("chaos is looked for beside the program itself, and nowhere else")
    func place() {
        #expect(ChaosCommand.beside("/usr/bin/meshd") == "/usr/bin/chaos")
        #expect(ChaosCommand.beside("/meshd") == "/chaos")
        #expect(ChaosCommand.beside("meshd") == "chaos")
    }

    @Test("who has no chaos is told where it should be and how to get it")
    func absence() {
        let text = ChaosCommand.absence(of: "/opt/chaos", own: "/opt/meshd")
        #expect(text.contains("/opt/chaos") && text.contains("--product chaos") && text.contains("/opt/meshd"))
    }

    @Test("what follows goes to chaos as it is, flags and help too")
    func passthrough() throws {
        #expect(try ChaosCommand.parse([]).arguments == [])
        let words = ["run", "--minutes", "10", "--help"]
        #expect(try ChaosCommand.parse(words).arguments == words)
    }

    @Test("by default the run is bounded in nodes and time")
    func defaults() {
        #expect(ChaosCommand.defaults.first == "run")
        #expect(ChaosCommand.defaults.contains("--minutes") && ChaosCommand.defaults.contains("--nodes"))
    }
}
