internal import Swim

/// How people name a node: its name, its id, or the first digits of its id.
package struct NodeRef: Sendable, Equatable {
    package let text: String

    package init(_ text: String) { self.text = text }

    /// The one that is meant. A whole id wins over a name, a name over the beginning of an id; two that fit are none.
    func find(in known: [(id: NodeID, name: String)]) throws(MeshError) -> NodeID {
        if let exact = known.first(where: { $0.id.description == text }) { return exact.id }
        let named = known.filter { $0.name == text }
        if named.count == 1 { return named[0].id }
        let begun = text.utf8.count >= 4 ? known.filter { $0.id.description.hasPrefix(text) } : []
        if named.isEmpty, begun.count == 1 { return begun[0].id }
        guard !named.isEmpty || !begun.isEmpty else { throw .unknownNode("no member is called \(text)") }
        let ids = (named + begun).prefix(4).map(\.id.description).joined(separator: ", ")
        throw .unknownNode("\(text) names several members: \(ids)")
    }
}
