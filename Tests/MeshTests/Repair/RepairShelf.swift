import Foundation
import Store

/// Stores in directories that go away with the test.
final class RepairShelf {
    let path: String
    private(set) var stores: [ObjectStore] = []

    init() {
        let parent = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm/" : NSTemporaryDirectory()
        path = parent + "repair-test-" + UUID().uuidString
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func open() throws -> ObjectStore {
        stores.append(try store(stores.count))
        return stores[stores.count - 1]
    }

    /// The same directory again, after its store was closed.
    func reopen(_ index: Int) throws -> ObjectStore {
        stores[index] = try store(index)
        return stores[index]
    }

    private func store(_ index: Int) throws -> ObjectStore {
        var settings = StoreSettings()
        settings.diskFreeBytesMin = 1 << 20
        settings.diskFreeBytesResume = 1 << 20
        return try ObjectStore.open(path + "/\(index)", settings: settings)
    }

    func close() async { for store in stores { await store.close() } }
}
