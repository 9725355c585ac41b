// Measures parsers of merchant presented codes on Node: a JSON list of codes on standard
// input, node parse.js ROUNDS. Prints one JSON object: for each parser the nanoseconds of one
// code (best of five runs over those it can parse, in turn), how many those are, and the error
// it gives for the others. Neither checks the checksum.
'use strict';

const codes = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const rounds = Number(process.argv[2]);

const parsers = {
  'steplix-emv-qrcps': () => {
    const { Merchant } = require('steplix-emv-qrcps');
    return (code) => Merchant.Parser.toEMVQR(code);
  },
  'emvco-merchant-parse': () => {
    const { Parse } = require('emvco-merchant-parse');
    return (code) => Parse(code);
  },
};

const result = {};
for (const [name, load] of Object.entries(parsers)) {
  try {
    const parse = load();
    let fault;
    const good = codes.filter((code) => {
      try {
        return parse(code);
      } catch (error) {
        fault = String(error.message || error);
        return false;
      }
    });
    let best = Infinity;
    for (let run = 0; run < 5; run++) {
      const start = process.hrtime.bigint();
      for (let i = 0; i < rounds; i++) {
        for (const code of good) parse(code);
      }
      best = Math.min(best, Number(process.hrtime.bigint() - start) / rounds / good.length);
    }
    result[name] = { ns: good.length ? best : 0, parsed: good.length, fault };
  } catch (error) {
    result[name] = { ns: 0, parsed: 0, fault: String(error.message || error) };
  }
}
console.log(JSON.stringify(result));
