import Swim

/// What one run of a scenario measured.
struct Outcome {
    /// Seconds from the fault to the first suspicion anywhere.
    var suspected = Double.nan
    /// Seconds until 99 of 100 observers, and all, said dead of every victim; infinite when some never did.
    var dead99 = Double.nan
    var deadAll = Double.nan
    var falseSuspicions = 0
    var falseDeaths = 0
    /// Changes of the usable set, per observer and victim.
    var usableChanges = 0.0
    /// Pairs in which a healthy node left a healthy observer's usable set.
    var healthyOut = 0
    var bytesPerNodeSecond = 0.0
    var packetsPerNodeSecond = 0.0
    var packetsPerSecondMax = 0
    var seconds = 0.0
    var nodes = 0
}

/// The faults of the bars, for any station: the same script for ours and for the reference rules.
extension Simulation {
    /// Quiet time first, so that round trips are known and phases are spread.
    func settle(_ micros: Micros = 8_000_000) {
        run(until: now + micros)
        clearStatistics()
    }

    /// Crashes some nodes at once and watches: whole machines, or only the processes.
    func crashes(_ victims: [Int], watch micros: Micros, isKill: Bool = false) -> Outcome {
        settle()
        let start = now
        for victim in victims { if isKill { kill(victim) } else { crash(victim) } }
        run(until: start + micros)
        var outcome = traffic(since: start)
        let isVictim = flags(victims)
        var times: [Micros] = []
        for note in notes where conditions[Int(note.observer)] == .running {
            if isVictim[Int(note.subject)] {
                if note.kind == .dead { times.append(note.at - start) }
                if note.kind == .suspect {
                    outcome.suspected = min(
                        outcome.suspected.isNaN ? .infinity : outcome.suspected,
                        Double(note.at - start) / 1e6
                    )
                }
            } else if note.kind == .suspect {
                outcome.falseSuspicions += 1
            } else if note.kind == .dead {
                outcome.falseDeaths += 1
            }
        }
        let pairs = victims.count * (count - victims.count)
        times.sort()
        func quantile(_ share: Double) -> Double {
            let at = Int((share * Double(pairs)).rounded(.up)) - 1
            return at < times.count ? Double(times[at]) / 1e6 : .infinity
        }
        outcome.dead99 = quantile(0.99)
        outcome.deadAll = quantile(1)
        return outcome
    }

    /// Nobody is at fault but the network.
    func calm(watch micros: Micros) -> Outcome {
        settle()
        let start = now
        run(until: start + micros)
        var outcome = traffic(since: start)
        for note in notes {
            if note.kind == .suspect { outcome.falseSuspicions += 1 }
            if note.kind == .dead { outcome.falseDeaths += 1 }
        }
        return outcome
    }

    /// A few gray nodes, for as long as is watched; `turn` is called at each half period of a flip-flop.
    func gray(
        _ victims: [Int],
        watch micros: Micros,
        every half: Micros = 0,
        turn: (Simulation<S>, Bool) -> Void
    ) -> Outcome {
        settle()
        let start = now
        var isOn = true
        turn(self, true)
        if half == 0 {
            run(until: start + micros)
        } else {
            while now < start + micros {
                run(until: min(now + half, start + micros))
                isOn.toggle()
                turn(self, isOn)
            }
        }
        var outcome = traffic(since: start)
        let isVictim = flags(victims)
        var changes = 0
        for note in notes where !isVictim[Int(note.observer)] {
            let isAboutVictim = isVictim[Int(note.subject)]
            switch note.kind {
            case .usable where isAboutVictim, .unusable where isAboutVictim: changes += 1
            case .unusable: outcome.healthyOut += 1
            case .suspect where !isAboutVictim: outcome.falseSuspicions += 1
            case .dead where !isAboutVictim: outcome.falseDeaths += 1
            default: break
            }
        }
        outcome.usableChanges = Double(changes) / Double(victims.count * (count - victims.count))
        return outcome
    }

    private func traffic(since start: Micros) -> Outcome {
        var outcome = Outcome()
        outcome.nodes = count
        outcome.seconds = Double(now - start) / 1e6
        outcome.bytesPerNodeSecond = Double(bytes + streamBytes) / Double(count) / outcome.seconds
        outcome.packetsPerNodeSecond = Double(packets) / Double(count) / outcome.seconds
        outcome.packetsPerSecondMax = packetsPerSecondMax
        return outcome
    }

    private func flags(_ nodes: [Int]) -> [Bool] {
        var flags = [Bool](repeating: false, count: count)
        for node in nodes { flags[node] = true }
        return flags
    }
}

/// Every n-th node, away from the ends.
func spread(_ wanted: Int, of count: Int) -> [Int] {
    (0..<wanted).map { ($0 * 2 + 1) * count / (2 * wanted) }
}
