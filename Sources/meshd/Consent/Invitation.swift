import Foundation
import HTTPTypes
import Mesh
import Store

/// A node's way from its mesh of one into the mesh that invited it, and back again if that comes to nothing.
///
/// `DIR/invitation` says how far it is, so that a crash at any moment is followed by the rest of the way. What the node
/// had as a mesh of its own lies in a directory beside it meanwhile, and is never deleted by this.
struct Invitation: Codable, Sendable {
    enum Stage: String, Codable, Sendable {
        /// What it had is put aside.
        case leaving
        /// It joins with the token.
        case entering
        /// It takes part; the inviter has not said yet that all is done.
        case entered
        /// What it had in the other mesh is put out of the way.
        case returning
        /// What it had before comes back.
        case restoring
    }

    /// Nothing once it was used.
    var token: String?
    var inviter: String
    /// By which the inviter is known again; hexadecimal digits.
    var bond: String
    var stage: Stage
    /// Where what it had lies, in the data directory.
    var aside: String

    /// What a node leaves behind: its store, its mesh and its first key. Its own key and admin token stay.
    static let names =
        SmallFile.storeNames + [
            "mesh-state", "admin-key", "members.bin", "members.json", "root-key.json", "activation.json",
        ]
    /// What came from the mesh that invited it, kept until it happens again.
    private static let left = "left-mesh"

    static func file(in directory: String) -> String { directory + "/invitation" }

    static func read(in directory: String) throws -> Invitation? {
        guard let bytes = try SmallFile.read(file(in: directory)) else { return nil }
        guard let invitation = try? JSON.value(Invitation.self, from: bytes) else {
            throw CommandFailure(
                "\(file(in: directory)) is damaged: remove it, and what is in former-… comes back by hand"
            )
        }
        return invitation
    }

    /// The first step, before the node stops. Throws when there was one already: nobody else's is written over.
    static func accepted(token: Secret, bond: Secret, inviter: String, in directory: String) throws -> Invitation {
        guard !SmallFile.exists(file(in: directory)) else {
            throw AdminError(.conflict, "not_invitable", "this node cannot be invited: it is on its way into a mesh")
        }
        let taken = (1...).lazy.map { $0 == 1 ? "former-mesh" : "former-mesh-\($0)" }
        guard let aside = taken.first(where: { !SmallFile.exists(directory + "/" + $0) }) else {
            preconditionFailure("there is always a higher number")
        }
        let invitation = Invitation(
            token: token.revealed,
            inviter: inviter,
            bond: Hex.encode(bond.revealedBytes),
            stage: .leaving,
            aside: aside
        )
        try invitation.write(in: directory)
        return invitation
    }

    func write(in directory: String) throws {
        try SmallFile.write(try JSON.bytes(self) + [0x0A], to: Self.file(in: directory))
    }

    /// Whether somebody who knows the bond said this word.
    func isMark(_ mark: [UInt8], of word: ConsentEnd.Word) -> Bool {
        guard let bond = Hex.decode(bond.utf8) else { return false }
        return Secret(bytes: CodeKeys.mark(word.rawValue, by: Secret(bytes: bond))).isEqual(to: Secret(bytes: mark))
    }

    /// Goes the rest of the way that only files take, before a store is opened. Nil when the node is at home again.
    static func resume(in directory: String) throws -> Invitation? {
        guard let invitation = try read(in: directory) else { return nil }
        if invitation.stage == .entering || invitation.stage == .entered { return invitation }
        return try SmallFile.whileClosed(directory) { try walk(invitation, in: directory) }
    }

    private static func walk(_ before: Invitation, in directory: String) throws -> Invitation? {
        var invitation = before
        let aside = directory + "/" + invitation.aside
        let left = directory + "/" + Self.left
        switch invitation.stage {
        case .leaving:
            try SmallFile.move(names, from: directory, to: aside)
            invitation.stage = .entering
            try invitation.write(in: directory)
        case .entering, .entered:
            break
        case .returning:
            try SmallFile.move(names, from: directory, to: left)
            invitation.stage = .restoring
            try invitation.write(in: directory)
            return try walk(invitation, in: directory)
        case .restoring:
            try SmallFile.move(names, from: aside, to: directory)
            try SmallFile.remove(file(in: directory))
            try SmallFile.removeAll(aside)
            return nil
        }
        return invitation
    }

    /// The node goes back to its mesh of one with its next start.
    static func turnBack(in directory: String) throws {
        guard var invitation = try read(in: directory), invitation.stage != .restoring else { return }
        // A store that is open was not put aside yet.
        guard invitation.stage != .leaving else { return try settle(in: directory) }
        if invitation.stage != .returning { try SmallFile.removeAll(directory + "/" + left) }
        invitation.stage = .returning
        invitation.token = nil
        try invitation.write(in: directory)
    }

    /// A node that got something to keep before it stopped stays what it is. Whether that was so.
    static func withdraw(in directory: String, buckets: Int, keys: Int) throws -> Bool {
        guard buckets > 0 || keys > 1, try read(in: directory)?.stage == .leaving else { return false }
        try settle(in: directory)
        return true
    }

    /// The inviter's mesh is this node's home now. What it had before stays where it was put.
    static func settle(in directory: String) throws { try SmallFile.remove(file(in: directory)) }

    /// The node takes part: the token has done its work.
    static func enter(in directory: String) throws {
        guard var invitation = try read(in: directory), invitation.stage == .entering else { return }
        invitation.stage = .entered
        invitation.token = nil
        try invitation.write(in: directory)
    }
}
