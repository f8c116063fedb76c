import Foundation
import Logging
import Mesh
import Swim

/// A handful of nodes in this process, each with its own directory and loop, talking over 127.0.0.1.
final class MeshBed {
    /// One machine of the bed: what stays when its node is down.
    final class Machine {
        let name: String
        let directory: String
        var identity = NodeIdentity()
        var tap: LogTap
        var node: MeshNode?
        var endpoint: Endpoint?

        init(_ name: String, _ directory: String) {
            self.name = name
            self.directory = directory
            tap = LogTap(name)
        }
    }

    let root: String
    private(set) var machines: [Machine] = []

    init() throws {
        root = NSTemporaryDirectory() + "mesh-bed-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    }

    /// The protocol ten times as fast as in a data centre, so that a death takes a second or two.
    static var swim: Settings {
        var swim = Settings.fast
        swim.periodMicros = 100_000
        swim.timeoutMicrosMin = 20_000
        swim.timeoutMicrosMax = 50_000
        swim.timeoutMicrosSlack = 10_000
        swim.gossipMicros = 20_000
        swim.recontactMicros = 1_000_000
        swim.syncMicros = 100_000
        return swim
    }

    func machine(_ name: String) throws -> Machine {
        let directory = root + "/" + name
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let machine = Machine(name, directory)
        machines.append(machine)
        return machine
    }

    /// Starts a node on a machine, on the port that it had before if it had one.
    func start(
        _ machine: Machine,
        token: String? = nil,
        change: (inout MeshNodeSettings) -> Void = { _ in }
    ) async throws {
        var settings = MeshNodeSettings(
            listenHost: "127.0.0.1",
            listenPort: Int(machine.endpoint?.port ?? 0),
            directory: machine.directory,
            description: Description(name: machine.name, zone: "z1", version: "1.0")
        )
        settings.swim = Self.swim
        settings.joinToken = token
        settings.keySettleMicros = 500_000
        settings.keyAskMicros = 100_000
        settings.snapshotMicros = 100_000
        settings.nameWaitMicros = 3_000_000
        change(&settings)
        machine.tap = LogTap(machine.name)
        let node = try MeshNode(settings, identity: machine.identity, logger: machine.tap.logger)
        machine.endpoint = try await node.start()
        machine.node = node
    }

    /// Drops the sockets without a word.
    func kill(_ machine: Machine) async {
        await machine.node?.stop(leave: false)
        machine.node = nil
    }

    /// A token of the mesh that `founder` founded, pointing at these machines.
    func token(
        _ founder: Machine,
        to seeds: [String]? = nil,
        zone: String? = nil,
        seconds: Int64 = 600
    ) async throws -> String {
        let material = try await founder.node!.tokenMaterial()
        let key = try MeshState.adminKey(in: founder.directory)!
        let addresses = (seeds ?? material.addresses).map { SeedAddress(parsing: $0)! }
        return try JoinToken.make(
            adminKey: key,
            addresses: addresses,
            zone: zone,
            expiresAt: Int64(Date().timeIntervalSince1970) + seconds,
            epoch: material.epoch,
            secret: material.secret
        ).text
    }

    /// A mesh of `count` nodes, each of which has seen all the others.
    func mesh(_ count: Int) async throws -> [Machine] {
        let founder = try machine("n0")
        try await start(founder)
        let token = try await token(founder)
        for index in 1..<count {
            try await start(try machine("n\(index)"), token: token)
        }
        for machine in machines {
            for other in machines { try await machine.tap.line("member \(other.name) is alive") }
        }
        return machines
    }

    /// A decree of the founder's admin key.
    func decree(_ founder: Machine, _ kind: Decree.Kind, epoch: UInt32, reason: String) throws -> (Decree, Secret) {
        let key = try MeshState.adminKey(in: founder.directory)!
        var decree = Decree(sequence: UInt64(epoch), kind: kind, newEpoch: epoch, reason: reason)!
        decree.signature = Signature(bytes: key.sign(decree.signedBytes))!
        return (decree, key.epochSecret(epoch))
    }

    func close() async {
        for machine in machines { await kill(machine) }
        try? FileManager.default.removeItem(atPath: root)
    }

    /// Runs a test in a bed and clears it away, whatever happens.
    static func with(_ body: (MeshBed) async throws -> Void) async throws {
        let bed = try MeshBed()
        do {
            try await body(bed)
        } catch {
            await bed.close()
            throw error
        }
        await bed.close()
    }
}
