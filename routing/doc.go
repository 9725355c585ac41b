// Package routing says which institution answers for a payment code: a table in a file,
// compiled, checked like a program, explained, and swapped while look-ups go on.
//
// It knows the table, the institution register, matching, checking and explaining, and
// is pure: no clock, no network, no log. It may not know HTTP, the institutions'
// dialects or the journal.
//
// # The table
//
// A table is YAML (LoadFS, Load). Everything but version and rules may be left out. A
// time is RFC 3339 or a date, which is its midnight in Asia/Shanghai; from is the first
// instant, until the first no longer. A condition with several values is met by any.
//
//	version: "2026-12"            # the operator's name for this table
//	from: 2026-01-01              # the check asks nothing about earlier instants
//	covers: [unionpay-paycode]    # families of codes that must have a route
//	families:                     # kinds of codes that the check does not know itself
//	  - {id: new-paycode, standard: paycode, scheme: new, prefix: "90", length: 19}
//	rules:
//	  - id: lantern
//	    precedence: 0             # 0 to 1000; a higher one wins before all else
//	    match:                    # all conditions, each may be left out:
//	      standard: paycode       # paycode, link, emv-mpm, emv-cpm
//	      mode: customer_presented
//	      scheme: [unionpay]
//	      prefix: ["6220105"]     # payment codes, in quotes
//	      length: [19, "16-24"]   # payment codes, characters
//	      host: qr.95516.com      # links
//	      path: /0105             # links, how the path begins
//	      template: "26"          # EMV, id at the root
//	      guid: SG.PAYNOW         # EMV, global id in the template, or AID
//	      acquirer: "0105"        # how the acquirer's number begins (UnionPay IIN)
//	      issuer: "004"           # how the issuer in the code begins (e-CNY operator)
//	      country: CN
//	      currency: "156"
//	      scene: in_store         # touch, online, cash_on_delivery, offline, cross_border
//	      caller: [kitewallet]
//	      amount_fen: {from: 0, below: 500000}
//	    from: 2026-12-01
//	    until: 2027-12-01
//	    targets:                  # tried by priority; weight shares among equals
//	      - {institution: lanternbank, priority: 1, weight: 70}
//	lists:                        # many prefixes: CSV with prefix,length,institution
//	  - {id: bins, file: bins.csv, match: {scheme: unionpay, length: 19}}
//	default: {targets: [{institution: bridgeclearing}]}
//	agreements:                   # who may pay whose codes; "*" is everyone
//	  - {id: a1, caller: "*", institution: lanternbank, scene: in_store, limit_fen: 5000000}
//	maintenance:
//	  - {institution: lanternbank, from: 2026-12-01, until: 2026-12-02}
//	  - {institution: lanternbank, daily: {start: "23:30", end: "00:30"}}
//	standby:                      # who answers when the other was not reached
//	  - {institution: lanternbank, standby: harbourbank}
//
// Of the rules that match, the higher precedence wins, then the one that compares more
// characters, then the one with more conditions, then the one whose template stands
// first in the code. What still ties and names two institutions is an error of the table.
package routing
