import Testing

@testable import meshd

/// What load balancers are told.
@Suite struct LoadBalancerTests {
    @Test("every node is a server of both, in the order given, and the balancer listens where it was told")
    func servers() throws {
        let servers = try ["n1=10.0.0.1:9000", "n-2.x=[fd00::2]:9000"].map {
            try #require(LoadBalancerCommand.server($0))
        }
        let some = LoadBalancerText(servers: servers, listen: try #require(ListenAddress("127.0.0.1:8000")))
        let all = LoadBalancerText(servers: servers, listen: try #require(ListenAddress("0.0.0.0:80")))
        #expect(some.haproxy.hasSuffix("    server n1 10.0.0.1:9000\n    server n-2.x [fd00::2]:9000\n"))
        #expect(some.haproxy.contains("bind 127.0.0.1:8000\n") && all.haproxy.contains("bind *:80\n"))
        #expect(
            some.nginx.contains("    server 10.0.0.1:9000 max_fails") && some.nginx.contains("server [fd00::2]:9000 ")
        )
        #expect(some.nginx.contains("listen 127.0.0.1:8000;") && all.nginx.contains("listen 80;"))
    }

    @Test("what is no name and address does not reach a configuration")
    func refused() {
        for text in ["", "n1", "n1=", "=10.0.0.1:9000", "n 1=h:1", "n1=h:1;evil", "n1;x=h:1", "n1=h\n:1", "n1=h:0"] {
            #expect(LoadBalancerCommand.server(text) == nil, "\(text)")
        }
    }
}
