import Mesh

/// What people call this node.
extension Node {
    /// As somebody named it while it ran, else as it is configured.
    var name: String { labels.lookup(NodeLabel.name(identity.id))?.name ?? settings.name }
}
