import Foundation
import Mesh
import Store
import Testing

@testable import meshd

@Suite struct InvitationTests {
    private static func inDirectory(_ body: (String) throws -> Void) throws {
        let directory = NSTemporaryDirectory() + "meshd-" + UUID().uuidString
        try SmallFile.makeDirectory(directory)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try body(directory)
    }

    private static func text(_ path: String) throws -> String? {
        try SmallFile.read(path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A store and a mesh, as far as names go.
    private static func furnish(_ directory: String, _ mark: String) throws {
        try SmallFile.makeDirectory(directory + "/segments")
        try SmallFile.write(Array(mark.utf8), to: directory + "/segments/00000001.seg")
        for name in ["index.sqlite", "mesh-state", "admin-key", "root-key.json"] {
            try SmallFile.write(Array(mark.utf8), to: directory + "/" + name)
        }
    }

    private static func accept(in directory: String) throws {
        _ = try Invitation.accepted(token: Secret("t"), bond: Secret("b"), inviter: "n1", in: directory)
    }

    @Test("what a node has is set aside when it leaves, and its own key and admin token stay")
    func leaving() throws {
        try Self.inDirectory { directory in
            try Self.furnish(directory, "own")
            for name in ["node-key", "admin-token"] { try SmallFile.write([1], to: directory + "/" + name) }
            try Self.accept(in: directory)
            let invitation = try #require(try Invitation.resume(in: directory))
            #expect(invitation.stage == .entering && invitation.token == "t")
            for name in ["index.sqlite", "segments", "mesh-state", "admin-key", "root-key.json"] {
                #expect(!SmallFile.exists(directory + "/" + name), "\(name)")
            }
            #expect(try Self.text(directory + "/former-mesh/segments/00000001.seg") == "own")
            #expect(SmallFile.exists(directory + "/node-key") && SmallFile.exists(directory + "/admin-token"))
            try Invitation.enter(in: directory)
            #expect(try Invitation.read(in: directory)?.token == nil)
        }
    }

    @Test("on the way back what was set aside is there again, whatever the other mesh left")
    func returning() throws {
        try Self.inDirectory { directory in
            for round in 0..<2 {
                if round == 0 { try Self.furnish(directory, "own") }
                try Self.accept(in: directory)
                _ = try Invitation.resume(in: directory)
                try Self.furnish(directory, "other")
                try Invitation.enter(in: directory)
                try Invitation.turnBack(in: directory)
                #expect(try Invitation.resume(in: directory) == nil)
                for name in ["index.sqlite", "segments/00000001.seg", "mesh-state", "admin-key"] {
                    #expect(try Self.text(directory + "/" + name) == "own", "\(name)")
                    #expect(try Self.text(directory + "/left-mesh/" + name) == "other", "\(name)")
                }
                #expect(!SmallFile.exists(directory + "/former-mesh"))
                #expect(!SmallFile.exists(Invitation.file(in: directory)))
            }
        }
    }

    @Test("a crash between any two moves loses nothing, there and back")
    func crashes() throws {
        let names = Invitation.names
        for cut in 0...names.count {
            try Self.inDirectory { directory in
                try Self.furnish(directory, "own")
                try Self.accept(in: directory)
                // So far it came before the crash.
                try SmallFile.move(Array(names.prefix(cut)), from: directory, to: directory + "/former-mesh")
                #expect(try Invitation.resume(in: directory)?.stage == .entering)
                try Self.furnish(directory, "other")
                try Invitation.turnBack(in: directory)
                try SmallFile.move(Array(names.prefix(cut)), from: directory, to: directory + "/left-mesh")
                var invitation = try #require(try Invitation.read(in: directory))
                #expect(try Invitation.resume(in: directory) == nil)
                #expect(try Self.text(directory + "/mesh-state") == "own")
                // And in the middle of the last part.
                invitation.stage = .restoring
                try SmallFile.move(Array(names.prefix(cut)), from: directory, to: directory + "/former-mesh")
                try invitation.write(in: directory)
                #expect(try Invitation.resume(in: directory) == nil)
                #expect(try Self.text(directory + "/mesh-state") == "own")
                #expect(try Self.text(directory + "/segments/00000001.seg") == "own")
            }
        }
    }

    @Test("a node that is called back before it has left loses nothing")
    func tooEarly() throws {
        try Self.inDirectory { directory in
            try Self.furnish(directory, "own")
            try Self.accept(in: directory)
            try Invitation.turnBack(in: directory)
            #expect(try Invitation.resume(in: directory) == nil)
            #expect(try Self.text(directory + "/mesh-state") == "own")
        }
    }

    @Test("an invitation that is there is not written over by another one")
    func onlyOne() throws {
        try Self.inDirectory { directory in
            try Self.accept(in: directory)
            #expect(throws: AdminError.self) {
                try Invitation.accepted(token: Secret("x"), bond: Secret("y"), inviter: "n2", in: directory)
            }
            #expect(try Invitation.read(in: directory)?.inviter == "n1")
        }
    }

    @Test("a node that got a bucket or a key before it stopped stays what it is", arguments: [(1, 1), (0, 2), (0, 1)])
    func withdrawn(buckets: Int, keys: Int) throws {
        try Self.inDirectory { directory in
            try Self.furnish(directory, "own")
            #expect(try !Invitation.withdraw(in: directory, buckets: 1, keys: 1), "there is none")
            try Self.accept(in: directory)
            let holdsSomething = buckets > 0 || keys > 1
            #expect(try Invitation.withdraw(in: directory, buckets: buckets, keys: keys) == holdsSomething)
            #expect(try Invitation.resume(in: directory)?.stage == (holdsSomething ? nil : .entering))
            #expect(SmallFile.exists(directory + "/mesh-state") == holdsSomething)
            // Later it holds what is its new mesh's.
            #expect(try !Invitation.withdraw(in: directory, buckets: 1, keys: 2))
        }
    }

    @Test("the activation of the mesh of one is set aside with it")
    func activationAside() throws {
        try Self.inDirectory { directory in
            try SmallFile.write([1], to: directory + "/activation.json")
            try Self.accept(in: directory)
            _ = try Invitation.resume(in: directory)
            #expect(!SmallFile.exists(directory + "/activation.json"))
            #expect(SmallFile.exists(directory + "/former-mesh/activation.json"))
        }
    }

    @Test("a node is sent home only where it holds nothing that is needed, and says so where it stays")
    func objections() {
        func code(_ stage: Invitation.Stage?, isAlone: Bool = false, hasPlace: Bool = false) -> String? {
            ConsentEnd.objection(toUndoing: stage, isAlone: isAlone, hasPlace: hasPlace)?.fault.code
        }
        for stage in [Invitation.Stage.entering, .entered] {
            #expect(code(stage, hasPlace: true) == "has_place" && code(stage) == nil)
        }
        // What it is a member of then is its mesh of one.
        #expect(code(.leaving, isAlone: true, hasPlace: true) == nil)
        #expect(code(nil, isAlone: true, hasPlace: true) == nil)
        #expect(code(nil, hasPlace: true) == "settled" && code(nil) == "settled")
    }

    @Test("only who shares the bond is believed, and one word is not the other")
    func marks() throws {
        try Self.inDirectory { directory in
            let bond = Secret("b")
            let invitation = try Invitation.accepted(token: Secret("t"), bond: bond, inviter: "n1", in: directory)
            let mark = CodeKeys.mark("undo", by: bond)
            #expect(invitation.isMark(mark, of: .undo) && !invitation.isMark(mark, of: .settle))
            #expect(!invitation.isMark(CodeKeys.mark("undo", by: Secret("c")), of: .undo))
            #expect(!invitation.isMark([], of: .undo))
        }
    }
}
