import Testing

@testable import chaos

@Suite struct ReportPageTests {
    @Test("hostile text stays text wherever a store, a key or a log can put it")
    func hostile() {
        let evil = "<script>alert(1)</script>\"' onload=x&\u{202E}\u{0}"
        let html = ReportPage(ReportSample.report(evil)).html
        #expect(!html.contains("<script") && !html.contains("\"' onload") && !html.contains("\u{202E}"))
        #expect(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39; onload=x&amp;\\u{202e}\\u{0}"))
        // As often as in the sample: in no place it is lost or let through otherwise.
        #expect(html.ranges(of: "alert(1)").count == html.ranges(of: "&lt;script&gt;alert(1)&lt;/script&gt;").count)
    }

    @Test("the page needs nothing from elsewhere and runs no script")
    func isSelfContained() {
        let html = ReportPage(ReportSample.report()).html
        for part in ["http://", "https://", "<script", "<link", "@import", "url(", "src="] {
            #expect(!html.contains(part), "\(part)")
        }
        #expect(html.contains("default-src 'none'"))
    }

    @Test("the verdict comes first, and says what was broken")
    func verdict() throws {
        let broken = ReportPage(ReportSample.report()).html
        let clean = ReportPage(ReportSample.report(isClean: true)).html
        #expect(broken.contains("<h1>1 anomaly</h1>") && broken.contains("Broken: durable."))
        #expect(clean.contains("<h1>Every promise was kept</h1>") && !clean.contains("What went wrong"))
        let (verdict, promises) = (broken.firstRange(of: "<h1>"), broken.firstRange(of: "What was promised"))
        #expect(try #require(verdict).lowerBound < (try #require(promises)).lowerBound)
    }

    @Test("every promise has its line, and the command to do it again is there")
    func content() {
        let html = ReportPage(ReportSample.report()).html
        for promise in Promise.allCases { #expect(html.contains("<b>\(promise.rawValue)</b>")) }
        let again =
            "chaos run --nodes 3 --minutes 1.5 --seed 42 --faults kill,partition --clients 12 --rate 300 --churn"
        #expect(html.contains(again))
    }

    @Test("every element that is opened is closed, in order", arguments: [true, false])
    func isBalanced(isClean: Bool) {
        let html = ReportPage(ReportSample.report(isClean: isClean)).html
        var open: [Substring] = []
        for tag in html.matches(of: #/<(/?)([a-z0-9]+)[^>]*?(/?)>/#) {
            let (isEnd, name, isEmpty) = (!tag.1.isEmpty, tag.2, !tag.3.isEmpty)
            if isEmpty || ["meta", "br"].contains(name) { continue }
            if isEnd { #expect(open.popLast() == name, "at </\(name)>") } else { open.append(name) }
        }
        #expect(open.isEmpty)
    }

    @Test("a run without anything in it makes a page as well")
    func empty() {
        let picture = TimelineChart(ReportSample.report(), width: 300).svg.html
        #expect(!picture.contains("nan") && !picture.contains("inf"))
    }

    @Test("numbers are written as people read them")
    func figures() {
        #expect([0, 999, 1000, 1_234_567, -1000].map(Figure.count) == ["0", "999", "1,000", "1,234,567", "-1,000"])
        #expect(
            [0.254, 3.14, 57.6, 999.4, 3210].map(Figure.millis) == ["0.25 ms", "3.1 ms", "58 ms", "999 ms", "3.2 s"]
        )
        #expect(Figure.clock(65_400) == "1:05" && Figure.plural(1, "run") == "1 run")
    }
}
