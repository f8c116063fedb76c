import FoundationEssentials
import Glibc
import NIOCore
import Synchronization

/// A small file system for each node, so that its disk alone can lose power and fill up.
///
/// It takes up what is written to it and no more, whatever its size. It is ext4 on a loop device on a file of the run's folder. **Power** is cut by ext4's own call for that: from then on
/// nothing that is in memory reaches the device, not even the journal. The next mount finds what was synced, what the
/// kernel had written by itself, and nothing else: exactly what a disk has after a power cut, as long as its own cache
/// obeys flushes.
///
/// The mounts belong to this run's mount namespace (`Namespaces.enter`), and loop devices to their mounts: both are gone
/// when the last process of the run is.
final class Disks: Sendable {
    /// `EXT4_IOC_SHUTDOWN`, a macro that Swift does not see, and its way of dropping the journal, too.
    private static let shutdownCall: UInt = 0x8004_587D
    private static let withoutFlush: UInt32 = 2

    private let folder: String
    private let mebibytes: Int
    private let group: any EventLoopGroup
    /// How many scripts ran.
    private let scripts = Atomic(0)

    init(folder: String, mebibytes: Int = 4096, on group: any EventLoopGroup) {
        self.folder = folder
        self.mebibytes = mebibytes
        self.group = group
    }

    private func image(_ number: Int) -> String { "\(folder)/n\(number)/disk.image" }

    /// Where the disk of a node is mounted.
    func place(_ number: Int) -> String { "\(folder)/n\(number)/disk" }

    /// Makes a disk and mounts it. The node's folder is there.
    func make(_ number: Int) async throws {
        try await shell(
            """
            truncate -s \(mebibytes)M '\(image(number))'
            mke2fs -q -F -t ext4 -m 0 -J size=16 '\(image(number))'
            mkdir -p '\(place(number))'
            mount -o loop '\(image(number))' '\(place(number))'
            """
        )
    }

    /// Loses what was not synced, and mounts what is left. The daemon must be down: a file that it had open would keep the
    /// dead file system.
    func cutPower(_ number: Int) async throws {
        let directory = open(place(number), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw Errno(what: place(number), code: errno) }
        var flags = Self.withoutFlush
        let answer = ioctl(directory, Self.shutdownCall, &flags)
        let code = errno
        close(directory)
        guard answer == 0 else { throw Errno(what: "cutting \(place(number)) off", code: code) }
        try await shell(
            """
            umount '\(place(number))'
            mount -o loop '\(image(number))' '\(place(number))'
            """
        )
    }

    /// Takes all the space that is left but so much. Nothing is written for it.
    func fill(_ number: Int, mebibytesLeft: Int) async throws {
        try await shell(
            """
            # The node goes on writing meanwhile: what was free a moment ago may not be.
            for less in 0 1 2 4 8 16; do
                free=$(df -m --output=avail '\(place(number))' | tail -1)
                if fallocate -l $((free - \(mebibytesLeft) - less))M '\(place(number))/filler'; then exit 0; fi
                rm -f '\(place(number))/filler'
            done
            exit 1
            """
        )
    }

    /// Gives the space back.
    func empty(_ number: Int) async throws { try await shell("rm -f '\(place(number))/filler'") }

    /// Nothing is written to it, and nothing is synced, until it is thawed; what is in memory can be read.
    func freeze(_ number: Int) async throws { try await shell("fsfreeze -f '\(place(number))'") }

    func thaw(_ number: Int) async throws { try await shell("fsfreeze -u '\(place(number))'") }

    func unmount(_ number: Int) async throws { try await shell("umount '\(place(number))'") }

    /// Unmounts it for good.
    func remove(_ number: Int) async throws {
        try await shell("umount -l '\(place(number))' && rm '\(image(number))'")
    }

    private func shell(_ script: String) async throws {
        let number = scripts.add(1, ordering: .relaxed).newValue
        _ = try await Tool.must(["sh", "-ec", script], output: "\(folder)/disks.\(number)", on: group)
    }
}
