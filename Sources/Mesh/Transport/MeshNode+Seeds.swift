internal import NIOPosix
internal import Swim

extension MeshNode {
    /// Knocks at these `HOST:PORT`s until somebody of the mesh answers: for addresses that are found while the node
    /// runs. Names are resolved on a thread that may block.
    package func greet(_ addresses: [String]) async {
        let some = addresses.prefix(MeshNodeSettings.seedsMax)
        let found = try? await NIOThreadPool.singleton.runIfActive { some.flatMap { Resolver.endpoints(of: $0) } }
        guard let endpoints = found, !endpoints.isEmpty else { return }
        tell { $0.command(.join(endpoints)) }
    }
}
