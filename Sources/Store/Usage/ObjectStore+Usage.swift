extension ObjectStore {
    /// How much this store has of each bucket that has anything; costs a short lock.
    package func usage() -> [BucketID: Usage] { engine.usage.all() }
}
