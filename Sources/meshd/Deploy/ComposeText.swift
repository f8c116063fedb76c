/// A mesh of containers on one machine, for Docker Compose, or on a swarm of them: the YAML, which holds no secret.
///
/// The secrets are files beside it. The first node gets the admin key before its first start, so that the join token of
/// the others could be signed in advance; every node finds the others by their names.
struct ComposeText: Sendable {
    static let nodesMax = 32

    var nodes: Int
    var isSwarm = false
    var image: String
    /// Of the first node's S3 port on the host; the next nodes are ten above.
    var firstPort = 9000
    /// The present directory has what the image is built of.
    var hasImageFiles = true

    var text: String {
        let services = (1...nodes).map(service).joined()
        let volumes = (1...nodes).map { "  n\($0):\n" }.joined()
        let secrets = ["admin-key", "root-key", "join-token"].map { "  \($0):\n    file: ./secrets/\($0)\n" }.joined()
        return head + "services:\n" + services + "\nvolumes:\n" + volumes + "\nnetworks:\n  mesh:\n"
            + (isSwarm ? "    driver: overlay\n" : "    driver: bridge\n") + "\nsecrets:\n" + secrets
    }

    private var head: String {
        let start = isSwarm ? "docker stack deploy -c compose.yaml mesh" : "docker compose up -d"
        let place =
            isSwarm
            ? "# Label one machine for each node first: docker node update --label-add meshd=n1 MACHINE\n" : ""
        return """
            # A mesh of \(nodes). Start it with `\(start)`; the keys of the first admin are in secrets/root-key.
            # secrets/ is for its owner only. The join token is over in a while: then nodes that were never started need a
            # new one from `meshd token create`.
            \(place)

            """
    }

    private func service(_ number: Int) -> String {
        let isFirst = number == 1
        let secrets = isFirst ? ["admin-key", "root-key"] : ["join-token"]
        // What is in a file of secrets reaches the program's environment and no other place.
        let entry =
            isFirst
            ? [
                "test -e /data/mesh-state || install -m 600 /run/secrets/admin-key /data/admin-key",
                "set -a; . /run/secrets/root-key; set +a",
            ] : ["export MESHD_JOIN=\"$$(cat /run/secrets/join-token)\""]
        let seeds = (1...nodes).filter { $0 != number }.prefix(8).map { "n\($0):9002" }.joined(separator: ",")
        let start =
            "exec meshd serve --data-dir /data --name n\(number) --zone n\(number) --s3-listen 0.0.0.0:9000 "
            + "--admin-listen 0.0.0.0:9001 --mesh-listen 0.0.0.0:9002 --mesh-advertise n\(number):9002"
            + (seeds.isEmpty ? "" : " --seeds \(seeds)")
        var lines = ["  n\(number):", "    image: \(image)", "    hostname: n\(number)"]
        if !isSwarm, isFirst, hasImageFiles { lines.append("    build: ./image") }
        lines += ["    entrypoint: [\"/bin/sh\", \"-c\"]", "    command:", "      - |"]
        lines += (entry + [start]).map { "        \($0)" }
        lines += ["    volumes:", "      - n\(number):/data", "    networks:", "      - mesh", "    secrets:"]
        lines += secrets.map { "      - \($0)" }
        lines += ports(number)
        lines += [
            "    stop_grace_period: 40s", "    healthcheck:",
            "      test: [\"CMD-SHELL\", \"meshd members --data-dir /data >/dev/null\"]", "      interval: 15s",
            "      timeout: 10s", "      retries: 4", "      start_period: 30s",
        ]
        lines += isSwarm ? deploy(number) : ["    restart: unless-stopped", "    init: true"]
        if !isSwarm, !isFirst { lines += ["    depends_on:", "      - n1"] }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The admin port is for this machine only; a swarm cannot say so, and publishes none.
    private func ports(_ number: Int) -> [String] {
        let port = firstPort + (number - 1) * 10
        guard isSwarm else {
            return ["    ports:", "      - \"\(port):9000\"", "      - \"127.0.0.1:\(port + 1):9001\""]
        }
        return [
            "    ports:", "      - target: 9000", "        published: \(firstPort)", "        mode: host",
        ]
    }

    private func deploy(_ number: Int) -> [String] {
        [
            "    deploy:", "      replicas: 1", "      endpoint_mode: dnsrr", "      placement:",
            "        constraints:",
            "          - node.labels.meshd == n\(number)", "      restart_policy:", "        condition: any",
            "        delay: 5s", "      update_config:", "        parallelism: 1", "        order: stop-first",
        ]
    }

    /// - Parameter packages: of Debian, that the program needs.
    static func dockerfile(packages: [String]) -> String {
        """
        # The program that made this file, with the libraries that Debian does not have beside it.
        FROM debian:bookworm-slim
        RUN apt-get update && apt-get install -y --no-install-recommends \(packages.joined(separator: " ")) \\
            && rm -rf /var/lib/apt/lists/*
        ADD meshd.tar.gz /usr/lib/
        RUN ln -s /usr/lib/meshd/meshd /usr/bin/meshd
        VOLUME /data
        EXPOSE 9000 9001 9002/tcp 9002/udp
        CMD ["meshd", "serve", "--data-dir", "/data"]

        """
    }
}
