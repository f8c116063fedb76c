internal import Swim

/// The 30 clear bytes at the head of each datagram:
/// `kind 1 | epoch 1 | mesh tag 4 | sender handle 8 | boot 8 | counter 8`.
///
/// The last 24 are the nonce, unique without coordination: a sender never has the same boot twice, nor the same counter
/// twice in a boot. The first six are bound by the tag together with the receiver, who is not written down.
struct DatagramHeader: Equatable {
    /// What is inside. The high half-byte is the version of the format.
    enum Kind: UInt8 {
        /// A message of the membership machine.
        case body = 0x10
        /// "Is this boot of yours alive?": a nonce of 16 bytes, and padding.
        case question = 0x11
        /// The nonce again, then a question in return or 16 zeros if there is room, and padding.
        case answer = 0x12
    }

    static let bytes = 30
    static let boundBytes = 6

    var kind: Kind
    var epoch: UInt8
    var tag: UInt32
    var sender: UInt64
    var boot: UInt64
    var counter: UInt64

    var encoded: [UInt8] {
        var writer = ByteWriter(capacity: Self.bytes)
        writer.put(kind.rawValue)
        writer.put(epoch)
        writer.put(tag)
        writer.put(sender)
        writer.put(boot)
        writer.put(counter)
        return writer.bytes
    }

    /// Reads the head of a datagram that has at least `bytes` bytes.
    init(reading datagram: [UInt8]) throws(Refusal) {
        var reader = ByteReader(datagram)
        guard let kind = Kind(rawValue: reader.byte()) else { throw .malformed }
        self.kind = kind
        epoch = reader.byte()
        tag = reader.word32()
        sender = reader.word64()
        boot = reader.word64()
        counter = reader.word64()
        if reader.failed { throw .short }
    }

    init(kind: Kind, epoch: UInt8, tag: UInt32, sender: UInt64, boot: UInt64, counter: UInt64) {
        self.kind = kind
        self.epoch = epoch
        self.tag = tag
        self.sender = sender
        self.boot = boot
        self.counter = counter
    }

    /// What the tag covers beside the message.
    static func bound(_ datagram: [UInt8], receiver: UInt64) -> [UInt8] {
        var writer = ByteWriter(capacity: boundBytes + 8)
        writer.put(Array(datagram[..<boundBytes]))
        writer.put(receiver)
        return writer.bytes
    }
}
