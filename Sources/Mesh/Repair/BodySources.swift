internal import Store
internal import Swim
internal import Synchronization

/// Who was seen to have bytes that are missing here. A memory to be quick, nothing more: whoever is to hold a row can be
/// asked for its bytes.
final class BodySources: Sendable {
    /// About ten megabytes; beyond that all is forgotten and found again.
    private static let countMax = 50_000

    private let nodes = Mutex<[RowName: NodeID]>([:])

    func note(_ name: RowName, _ node: NodeID) {
        nodes.withLock { nodes in
            if nodes.count >= Self.countMax { nodes.removeAll() }
            nodes[name] = node
        }
    }

    func take(_ name: RowName) -> NodeID? { nodes.withLock { $0.removeValue(forKey: name) } }
}
