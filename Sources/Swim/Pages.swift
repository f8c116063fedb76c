/// A dense table in pages that come into being when first written.
///
/// Most members are never in trouble, so a fact about the few should cost nothing for the many; and a copy of the
/// table shares every page that neither side has written since, which makes a snapshot of a large roster cheap.
package struct Pages<Element: Sendable>: Sendable {
    private let absent: Element
    private var pages: [[Element]] = []
    private static var shift: Int { 4 }
    private static var size: Int { 1 << shift }

    /// - Parameter absent: what an index that was never written holds.
    package init(absent: Element) {
        self.absent = absent
    }

    package subscript(index: Int) -> Element {
        get {
            let page = index >> Self.shift
            guard page < pages.count, !pages[page].isEmpty else { return absent }
            return pages[page][index & (Self.size - 1)]
        }
        set {
            makePage(index >> Self.shift)
            pages[index >> Self.shift][index & (Self.size - 1)] = newValue
        }
        _modify {
            makePage(index >> Self.shift)
            yield &pages[index >> Self.shift][index & (Self.size - 1)]
        }
    }

    private mutating func makePage(_ page: Int) {
        while pages.count <= page { pages.append([]) }
        if pages[page].isEmpty {
            pages[page] = Array(repeating: absent, count: Self.size)
        }
    }
}
