import Mesh
import Synchronization

/// The desk of this node with its clock, its chance and its voice; and whether the program is to begin anew.
final class ConsentDoor: Sendable {
    static let codeDigits = 8

    private struct State {
        var desk = ConsentDesk()
        var tell: (@Sendable (String) -> Void)?
        var isReborn = false
        var wasRefused = false
    }

    private let state = Mutex(State())
    /// The file of the invitation is read, judged and written by one at a time.
    private let invitation = Mutex(())
    private let reborn: AsyncStream<Void>
    private let rebirth: AsyncStream<Void>.Continuation

    init() { (reborn, rebirth) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1)) }

    /// `1234 5678`: easier to read and to say.
    static func shown(_ code: String) -> String { code.prefix(codeDigits / 2) + " " + code.dropFirst(codeDigits / 2) }

    /// What a person typed as the digits that it stands for.
    static func digits(of typed: String) -> String? {
        let digits = typed.filter { !" -\u{A0}".contains($0) }
        return digits.utf8.count == codeDigits && digits.utf8.allSatisfy { (0x30...0x39).contains($0) } ? digits : nil
    }

    /// From now on codes are shown by `tell`.
    func begin(_ tell: @escaping @Sendable (String) -> Void) { state.withLock { $0.tell = tell } }

    func code() -> (code: ConsentDesk.Code, isNew: Bool)? {
        state.withLock { $0.desk.code(at: JSON.nowMillis()) { SecureRandom.digits(Self.codeDigits) } }
    }

    var restMillis: UInt64 { state.withLock { $0.desk.rest(at: JSON.nowMillis()) } }

    func show(_ text: String) { state.withLock { $0.tell }?(text) }

    func mayKnock() -> Bool { state.withLock { $0.desk.mayKnock(at: JSON.nowMillis()) } }

    func mayTellOfWrongWord() -> Bool { state.withLock { $0.desk.mayTellOfWrongWord(at: JSON.nowMillis()) } }

    /// Nobody else reads or writes the invitation's file meanwhile.
    func withInvitation<Value>(_ body: () throws -> Value) rethrows -> Value {
        try invitation.withLock { _ in try body() }
    }

    func note(_ keys: CodeKeys, from inviter: String) -> String {
        let name = Hex.encode(SecureRandom.bytes(16))
        state.withLock { $0.desk.note(name, keys, from: inviter, at: JSON.nowMillis()) }
        return name
    }

    func prove(_ knock: String, _ proof: [UInt8]) -> ConsentDesk.Proof {
        state.withLock { $0.desk.prove(knock, proof, at: JSON.nowMillis()) }
    }

    func open(_ knock: String, _ sealed: [UInt8]) -> (Secret, bond: Secret, String)? {
        state.withLock { $0.desk.open(knock, sealed, at: JSON.nowMillis()) }
    }

    // MARK: The end of this life

    var isReborn: Bool { state.withLock { $0.isReborn } }

    /// Its mesh refused the node for good, or its token was over.
    var wasRefused: Bool { state.withLock { $0.wasRefused } }

    func noteRefusal() { state.withLock { $0.wasRefused = true } }

    /// Once the node has stopped the program begins anew.
    func beReborn() {
        state.withLock { $0.isReborn = true }
        rebirth.yield()
    }

    func untilReborn() async { for await _ in reborn { return } }
}
