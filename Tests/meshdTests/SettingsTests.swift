import ArgumentParser
import Mesh
import Testing

@testable import meshd

@Suite struct SettingsTests {
    private func resolve(_ file: String = "", _ environment: [String: String] = [:], _ flags: [(String, String)] = [])
        throws(ConfigError) -> Settings
    {
        var sources = SettingsSources(flags: flags.map { (name: $0.0, text: $0.1) }, environment: environment)
        sources.file = (path: "m.toml", text: file)
        return try sources.resolve()
    }

    private func faults(_ file: String = "", _ environment: [String: String] = [:], _ flags: [(String, String)] = [])
        -> [String]
    {
        do throws(ConfigError) {
            _ = try resolve(file, environment, flags)
            return []
        } catch {
            return error.faults.map(\.description)
        }
    }

    @Test("every default is a valid value of its own setting")
    func defaults() throws {
        let settings = try resolve()
        #expect(settings.entries.count == Setting.all.count)
        #expect(settings.entries.allSatisfy { $0.origin == .fallback })
        #expect(settings.s3Listen == ListenAddress(host: "127.0.0.1", port: 9000))
        #expect(settings.region == "us-east-1")
    }

    @Test("flags win over the environment, that over the file, that over the defaults")
    func precedence() throws {
        let file = "region = \"file\"\nzone = \"file\"\nname = \"file\"\n"
        let settings = try resolve(file, ["MESHD_ZONE": "env", "MESHD_NAME": "env"], [("name", "flag")])
        #expect(settings.region == "file" && settings.zone == "env" && settings.name == "flag")
        let origins = Dictionary(uniqueKeysWithValues: settings.entries.map { ($0.setting.name, $0.origin) })
        #expect(origins["region"] == .file("m.toml", line: 1))
        #expect(origins["zone"] == .environment("MESHD_ZONE"))
        #expect(origins["name"] == .flag("--name"))
        #expect(origins["log-level"] == .fallback)
    }

    @Test("all that is wrong is told at once, each with its place and what is allowed")
    func allFaults() {
        let faults = faults("# a comment\nscrub-rate = \"fast\"\n\ns3-lisen = \"x\"\n", ["MESHD_READER_THREADS": "0"])
        #expect(faults.count == 3)
        #expect(faults.contains { $0.hasPrefix("m.toml:2: scrub-rate cannot be \"fast\"; allowed: a size") })
        #expect(faults.contains { $0.hasPrefix("m.toml:4: ") && $0.contains("did you mean \"s3-listen\"?") })
        #expect(faults.contains { $0.hasPrefix("environment MESHD_READER_THREADS: ") && $0.contains("from 1 to 256") })
    }

    @Test("a file that is not TOML is told with its line")
    func brokenFile() {
        let faults = faults("region = \"a\"\nzone = = 3\n")
        #expect(faults.count == 1 && faults[0].hasPrefix("m.toml:2:"))
    }

    @Test("a value of the wrong kind is a fault, not a guess")
    func wrongKinds() {
        #expect(faults("region = 2026-01-01\n").count == 1)
        #expect(faults("[region]\nx = 1\n").count == 1)
        #expect(faults("domain = [1, 2]\n").count == 1)
    }

    @Test("a certificate without its key, or one port for two faces, is refused")
    func contradictions() {
        #expect(faults("tls-certificate = \"a.pem\"\n").contains { $0.contains("tls-key is not") })
        #expect(faults("", [:], [("s3-listen", "[::1]:80"), ("admin-listen", "[::1]:80")]).count == 1)
        #expect(faults("", [:], [("s3-listen", "[::1]:0"), ("admin-listen", "[::1]:0")]).isEmpty)
    }

    @Test("seeds are addresses, names and services, each whole")
    func seeds() throws {
        let settings = try resolve(
            "seeds = [\"10.0.0.1:9002\", \"[fd00::1]:9\"]\n",
            [
                "MESHD_SEEDS": "n1.example.org:9002, srv:_meshd._udp.Example.org"
            ]
        )
        let expected: [Seed] = [
            .address(ListenAddress(host: "n1.example.org", port: 9002)), .service("_meshd._udp.example.org"),
        ]
        #expect(settings.seeds == expected)
        #expect(try resolve("seeds = [\"10.0.0.1:9002\", \"[fd00::1]:9\"]\n").seeds.count == 2)
        #expect(try resolve("", ["MESHD_SEEDS": ""]).seeds.isEmpty)
        for wrong in ["10.0.0.1", "10.0.0.1:0", "srv:example.org", "srv:_meshd._udp", "srv:_meshd._udp.a b", "srv:"] {
            let faults = faults("# c\nseeds = \"\(wrong)\"\n")
            #expect(faults.count == 1 && faults[0].hasPrefix("m.toml:2: seeds cannot be"), "\(wrong)")
        }
        let many = Array(repeating: "a:1", count: Seed.countMax + 1).joined(separator: ",")
        #expect(faults("seeds = \"\(many)\"\n").count == 1)
    }

    @Test("the mesh's settings say what is allowed, and where they were wrong")
    func meshSettings() throws {
        let settings = try resolve()
        #expect(settings.meshAdvertise == nil && settings.join == nil && settings.seeds.isEmpty)
        #expect(settings.meshProfile == "balanced" && settings.lanDiscovery)
        #expect(faults("mesh-profile = \"slow\"\n").first?.hasSuffix("one of balanced, fast, wan") == true)
        #expect(faults("", ["MESHD_LAN_DISCOVERY": "yes"]).first?.hasSuffix("one of on, off") == true)
        #expect(faults("mesh-advertise = \"host\"\n").first?.contains("HOST:PORT") == true)
        let advertised = try resolve("mesh-advertise = \"n1.example.org:0\"\n").meshAdvertise
        #expect(advertised == ListenAddress(host: "n1.example.org", port: 0))
    }

    @Test("a join token is checked and never shown, whole or broken")
    func joinToken() throws {
        let address = try #require(SeedAddress(parsing: "10.0.0.1:9002"))
        let token = try JoinToken.make(
            adminKey: AdminKey(),
            addresses: [address],
            expiresAt: .max,
            epoch: 1,
            secret: Secret(bytes: [UInt8](repeating: 7, count: 32))
        ).text
        let settings = try resolve("", ["MESHD_JOIN": token])
        #expect(settings.join?.revealed == token)
        #expect(settings.entries.allSatisfy { !$0.text.contains("meshd1.") })
        let broken = faults("", ["MESHD_JOIN": String(token.dropLast(5))])
        #expect(broken.count == 1 && !broken[0].contains("meshd1."))
        #expect(broken[0].contains("meshd token create"))
    }

    @Test("an unknown variable is named, with what it was probably meant to be")
    func unknownVariable() throws {
        let settings = try resolve("", ["MESHD_REGON": "x", "MESHD_ROOT_SECRET_KEY": "s", "HOME": "/"])
        #expect(settings.warnings.count == 1)
        #expect(settings.warnings[0].contains("MESHD_REGION"))
        #expect(!settings.warnings[0].contains("\"x\""))
    }

    @Test("every setting has its flag, and every flag its setting")
    func flagsMatchSettings() throws {
        for setting in Setting.all {
            let options = try ConfigOptions.parse([setting.flag, "value"])
            #expect(options.given.map(\.name) == [setting.name])
        }
        let help = ConfigOptions.helpMessage(columns: 400)
        let flags = help.split(separator: "\n").filter { $0.contains("  --") }.count
        #expect(flags == Setting.all.count + 1, "each setting, and --config")
    }

    @Test(
        "sizes and durations mean what they say",
        arguments: [("512MiB", 536_870_912), ("4096", 4096), ("10kB", 10_000), ("1GB", 1_000_000_000), ("7b", 7)]
    )
    func sizes(text: String, bytes: UInt64) {
        #expect(SettingKind.bytes(of: text) == bytes)
    }

    @Test(
        "what is no size, duration or address is refused",
        arguments: ["", "-1", "MiB", "1.5s", "99999999999999999TiB"]
    )
    func refusals(text: String) {
        #expect(SettingKind.bytes(of: text) == nil && SettingKind.millis(of: text) == nil)
        #expect(ListenAddress(text) == nil)
    }

    @Test("durations carry their unit")
    func durations() {
        #expect(SettingKind.millis(of: "500ms") == 500 && SettingKind.millis(of: "5s") == 5000)
        #expect(SettingKind.millis(of: "2m") == 120_000 && SettingKind.millis(of: "5") == nil)
        #expect(SettingKind.text(ofMillis: 120_000) == "2m" && SettingKind.text(ofMillis: 0) == "0")
    }

    @Test("addresses are host and port, IPv6 in brackets")
    func addresses() {
        #expect(ListenAddress("[::1]:9000") == ListenAddress(host: "::1", port: 9000))
        #expect(ListenAddress("[::1]:9000")?.description == "[::1]:9000")
        #expect(ListenAddress("node.example:0")?.port == 0)
        for wrong in ["::1:9000", "host", "host:", ":9000", "host:65536", "[::1", "[host]:1", "a b:1", "h/x:1"] {
            #expect(ListenAddress(wrong) == nil, "\(wrong)")
        }
    }
}
