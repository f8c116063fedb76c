import Foundation
import Mesh
import Testing

@testable import meshd

@Suite struct MeshTextTests {
    @Test("the member list says whose view it is, shows each line and sums up")
    func members() throws {
        let text = try MembersText.text(Reports.members(), worstFirst: true)
        #expect(
            text == """
                mesh 7f3a12cd…  epoch 3  seen from n04  view 5c1e09d2: 2/3 agree
                NODE  ADDRESS        ZONE  STATE    SINCE  PHI  REACH  RTT    LOSS  FLAP  HEALTH  VERSION  GEN.INC
                n12   10.0.0.1:9002  c     suspect  2.4s   8.0  none   -      100%  0.0   0       0.1.0    18.2  <- dead in 2.6s
                n01   10.0.0.1:9002  a     dead     6m     -    -      -      -     -     -       -        18.2
                n07   10.0.0.1:9002  a     alive    3h     2.1  relay  4.1ms  31%   0.0   0       0.1.0    18.2
                n04   10.0.0.1:9002  a     alive    41d    0.0  self   -      0%    0.0   0       0.1.0    18.2
                2 alive  1 suspect  1 dead   local health 0   loop lag p99 3.2ms   loss 1%
                """
        )
    }

    @Test("by name when nothing else is asked, and an isolated node says so")
    func order() throws {
        let text = try MembersText.text(Reports.members(more: ["isIsolated": true]))
        let names = text.split(separator: "\n").dropFirst(2).prefix(4).map { $0.prefix(3) }
        #expect(names == ["n01", "n04", "n07", "n12"])
        #expect(text.hasSuffix("n04 is isolated: most of its questions go unanswered, so it condemns nobody"))
    }

    @Test("a name that is made of tricks is shown as the text that is left of it")
    func hostileName() throws {
        let line = Reports.line("\u{1B}[31mn\n09\u{202E}", "alive", id: "09", age: 0)
        let text = try MembersText.text(Reports.members([line]))
        #expect(text.contains("[31mn09 ") && !text.contains("\u{1B}") && !text.contains("\u{202E}"))
        #expect(text.split(separator: "\n").count == 4)
    }

    @Test("a watch prints what changed: states, restarts, refutations, newcomers and the forgotten")
    func changes() throws {
        let old = try Reports.members()
        var lines = Reports.four
        lines[1]["state"] = "dead"
        lines[2]["incarnation"] = 3
        lines[2]["flaps"] = 0.9
        lines[0]["generation"] = 19
        lines[3] = Reports.line("n05", "alive", id: "05", age: 0)
        let changes = try MembersText.changes(from: old, to: Reports.members(lines))
        #expect(
            changes == [
                "10:02:13.600  n04  started again, generation 19", "10:02:13.600  n05  new, alive",
                "10:02:13.600  n07  refuted, version 18.3", "10:02:13.600  n12  suspect -> dead",
                "10:02:13.600  n01  forgotten",
            ]
        )
        #expect(MembersText.changes(from: old, to: old).isEmpty)
    }

    @Test("an old list says whose it is and how old")
    func savedList() throws {
        let remark = try MembersCommand.remark(Reports.members(), at: Reports.nowMillis + 180_000)
        #expect(remark == "n04 is down; this is what it saw 3m ago")
    }

    @Test("why: the state, the witnesses, and what happened when")
    func why() throws {
        let report: WhyReport = try Reports.value([
            "subject": "n12", "id": "12", "seenFrom": "n04", "state": "suspect",
            "sinceMillis": Reports.nowMillis - 2_400, "phi": 8, "suspectPhi": 4, "deadPhi": 8, "quorum": 3,
            "deadAtMillis": Reports.nowMillis + 2_600,
            "evidence": [["name": "n31", "phi": 2], ["name": "n02", "phi": 2.5]],
            "entries": [
                [
                    "atMillis": Reports.nowMillis - 2_396, "what": "unanswered", "by": ["n04"], "phi": 2,
                    "version": "7.1",
                ],
                [
                    "atMillis": Reports.nowMillis, "what": "became suspect", "by": ["n31", "n02"], "phi": 4.5,
                    "version": "7.1",
                ],
            ],
        ])
        #expect(
            EvidenceText.why(report, at: Reports.nowMillis) == """
                n12 is suspect for 2.4s, dead in 2.6s unless it refutes   seen from n04
                phi 8.0 (suspect at 4.0, dead soonest at 8.0), 2 accusers and 3 needed: n31 2.0, n02 2.5
                TIME UTC      WHAT            BY       PHI  GEN.INC
                10:02:11.204  unanswered      n04      2.0  7.1
                10:02:13.600  became suspect  n31 n02  4.5  7.1
                """
        )
    }

    @Test("agree shows who holds which view; diff shows the lines that differ")
    func agreement() throws {
        let agree: AgreeReport = try Reports.value([
            "seenFrom": "n04", "viewDigest": "5c1e09d2aabbccdd", "agreeing": 2, "present": 3,
            "groups": [
                ["viewDigest": "5c1e09d2aabbccdd", "names": ["n07", "n04"], "heardMillisAgo": 900],
                ["viewDigest": "", "names": ["n12"], "heardMillisAgo": 4_000],
            ],
        ])
        #expect(
            EvidenceText.agree(agree) == """
                view 5c1e09d2 of n04: 2/3 agree
                VIEW       NODES  HEARD  NAMES
                5c1e09d2   2      0.9s   n04 n07
                not heard  1      4.0s   n12
                Views differ; `meshd diff A B` shows where.
                """
        )
        let line: [String: Any] = [
            "id": "12", "name": "n12", "address": "10.0.0.9:9002", "state": "dead", "generation": 7, "incarnation": 1,
            "flaps": 0, "reach": "none",
        ]
        let diff: DiffReport = try Reports.value([
            "a": "n04", "b": "n07", "viewDigestA": "1", "viewDigestB": "2",
            "differences": [["id": "12", "name": "n12", "a": line]],
        ])
        #expect(
            EvidenceText.diff(diff) == """
                NODE  AT n04                  AT n07
                n12   dead 7.1 10.0.0.9:9002  unknown
                """
        )
    }

    @Test("spans have two figures and one unit")
    func spans() {
        #expect(
            [0, 2_400, 59_000, 180_000, 7_200_000, 172_800_000].map { Spans.age(millis: $0) } == [
                "0.0s", "2.4s", "59s", "3m", "2h", "2d",
            ]
        )
        #expect(
            [nil, 80, 300, 41_000, 1_200_000].map { Spans.trip(micros: $0) } == ["-", "80us", "0.3ms", "41ms", "1.2s"]
        )
        #expect(Spans.age(from: 5, to: 3) == "0.0s" && Spans.percent(.nan) == "-" && Spans.decimal(.infinity) == "-")
        #expect(Spans.bytes(1_610_612_736) == "1.5GiB" && Spans.bytes(900) == "900B")
    }
}
