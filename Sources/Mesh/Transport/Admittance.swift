internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Swim

/// A newcomer's way into a mesh: it knocks with its token at the token's addresses in turn, and takes what it is given.
struct Admittance: Sendable {
    /// What was brought home.
    struct Entry: Sendable {
        let state: MeshState
        /// Where members can be greeted.
        let members: [Endpoint]
        /// Where the mesh sees this node.
        let seen: Endpoint?
    }

    /// Why one knock failed.
    enum Failure: Error {
        case noAddress
        case noConnection
        /// The connection was closed before anything was answered: the door is crowded, or keys are on their way.
        case closed
        /// A member answered, and refuses this node; perhaps it says why.
        case refused(TokenError?)
        case timeout
        case wrongMesh
    }

    private static let connectSeconds: Int64 = 3
    private static let answerSeconds: Int64 = 5
    private static let pauseMillisMin: Int64 = 250
    private static let pauseMillisMax: Int64 = 5_000
    /// How soon a stop is noticed.
    private static let stepMillis: Int64 = 100
    /// When everybody who can be reached refuses, asking on would not help.
    private static let refusalsMax = 3

    let token: JoinToken
    let identity: NodeIdentity
    let loop: any EventLoop
    let logger: Logger
    /// False when the node was stopped meanwhile.
    let isWanted: @Sendable () -> Bool

    /// Tries until it is let in, or told that it is refused, or until the token expires.
    func enter() async throws -> Entry {
        var pause = Self.pauseMillisMin
        var refusals = 0
        while true {
            guard isWanted() else { throw MeshError.stopped }
            guard !token.isExpired(at: WallClock.unixSeconds) else {
                throw MeshError.badToken(TokenError.expired.description)
            }
            var failures: [String] = []
            var wasRefused = false
            for address in token.addresses {
                guard isWanted() else { throw MeshError.stopped }
                do {
                    return try await knock(at: address)
                } catch Failure.wrongMesh {
                    throw MeshError.badToken(TokenError.otherMesh.description)
                } catch let failure as Failure {
                    if case .refused = failure { wasRefused = true }
                    failures.append("\(address): \(Self.text(failure))")
                }
            }
            refusals = wasRefused ? refusals + 1 : 0
            let told = failures.joined(separator: "; ")
            guard refusals < Self.refusalsMax else {
                throw MeshError.notAdmitted(
                    "the mesh refuses this token (\(told)): it has expired there, was withdrawn by an expulsion or a key "
                        + "rotation, or this node was expelled; make a new one with `meshd token create`"
                )
            }
            logger.warning("no member lets this node in yet, trying again", metadata: ["addresses": "\(told)"])
            try await rest(millis: pause)
            pause = min(2 * pause, Self.pauseMillisMax)
        }
    }

    /// Waits in steps so short that a stop need not.
    private func rest(millis: Int64) async throws {
        var left = millis
        while left > 0, isWanted() {
            try await Task.sleep(for: .milliseconds(min(left, Self.stepMillis)))
            left -= Self.stepMillis
        }
    }

    private static func text(_ failure: Failure) -> String {
        switch failure {
        case .noAddress: "the name is not known"
        case .noConnection: "no connection"
        case .closed: "closed without an answer"
        case .refused(let why): why?.description ?? "refused"
        case .timeout: "no answer"
        case .wrongMesh: "another mesh"
        }
    }

    /// All addresses of one name, until one lets this node in.
    private func knock(at address: SeedAddress) async throws -> Entry {
        let found: [Endpoint]
        if let literal = address.endpoint {
            found = [literal]
        } else {
            found = try await Resolver.run { Resolver.endpoints(host: address.host, port: address.port) }
        }
        var failure = Failure.noAddress
        for endpoint in found {
            do {
                let welcome = try await call(endpoint)
                return try entry(welcome, through: endpoint)
            } catch let why as Failure {
                // A refusal says more than a host that is down.
                if case .refused = failure { continue }
                failure = why
            }
        }
        throw failure
    }

    private func entry(_ welcome: Welcome, through endpoint: Endpoint) throws -> Entry {
        let admission = token.admit(identity).bytes
        guard
            let state = welcome.state(
                adminPublicKey: token.adminPublicKey,
                admission: admission,
                unixSeconds: WallClock.unixSeconds
            )
        else { throw Failure.wrongMesh }
        var members = [endpoint]
        if let told = Endpoint(parsing: welcome.endpoint), told != endpoint { members.append(told) }
        return Entry(state: state, members: members, seen: welcome.seen.flatMap { Endpoint(parsing: $0) })
    }

    private func call(_ endpoint: Endpoint) async throws -> Welcome {
        try await loop.flatSubmit { open(endpoint) }.get()
    }

    /// One connection, on the loop: handshake, welcome, end.
    private func open(_ endpoint: Endpoint) -> EventLoopFuture<Welcome> {
        guard let address = endpoint.socketAddress,
            let handshake = StreamHandshake.initiator(identity, .join(token))
        else { return loop.makeFailedFuture(Failure.noAddress) }
        let promise = loop.makePromise(of: Welcome.self)
        let guest = Guest(promise)
        let connection = ControlConnection(owner: guest, isOutbound: true, endpoint: endpoint, now: 0)
        let connecting = ClientBootstrap(group: loop).connectTimeout(.seconds(Self.connectSeconds)).connect(to: address)
        connecting.assumeIsolated().whenComplete { result in
            guard case .success(let channel) = result,
                (try? channel.pipeline.syncOperations.addHandler(connection)) != nil
            else { return promise.fail(Failure.noConnection) }
            connection.begin(handshake, on: channel)
        }
        let limit = loop.assumeIsolated().scheduleTask(in: .seconds(Self.connectSeconds + Self.answerSeconds)) {
            promise.fail(Failure.timeout)
        }
        let step = TimeAmount.milliseconds(Self.stepMillis)
        let watch = loop.scheduleRepeatedTask(initialDelay: step, delay: step) { [isWanted] _ in
            if !isWanted() { promise.fail(MeshError.stopped) }
        }
        promise.futureResult.assumeIsolated().whenComplete { _ in
            limit.cancel()
            watch.cancel()
            // Holds the guest until here; the connection does not.
            guest.leave(connection)
        }
        return promise.futureResult
    }

    /// The newcomer's end of the connection.
    private final class Guest: ControlOwner {
        private let promise: EventLoopPromise<Welcome>
        private var isDone = false

        init(_ promise: EventLoopPromise<Welcome>) { self.promise = promise }

        func admits(_ connection: ControlConnection, _ peer: ControlConnection.Peer) -> Bool { true }

        func take(_ kind: StreamKind, _ body: [UInt8], from connection: ControlConnection) {
            guard !isDone, kind == .welcome, let welcome = Welcome(bytes: body) else { return }
            isDone = true
            promise.succeed(welcome)
        }

        func didClose(_ connection: ControlConnection, refusal: ControlConnection.Refusal?) {
            guard !isDone else { return }
            isDone = true
            switch refusal {
            case .handshake(.token(let why)): promise.fail(Failure.refused(why))
            // The handshake was over, and the member on the other end did not go on.
            case _ where connection.peer != nil: promise.fail(Failure.refused(nil))
            default: promise.fail(Failure.closed)
            }
        }

        /// Nobody calls a newcomer.
        func didPart(_ connection: ControlConnection, with socket: LinkSocket) {}

        func leave(_ connection: ControlConnection) {
            isDone = true
            connection.end(nil)
        }
    }
}
