package routing

import _ "embed" // The schemas are files, so that an editor can use them too.

//go:embed schema/table.json
var tableSchema []byte

//go:embed schema/register.json
var registerSchema []byte

// Schema gives the JSON schema (draft 2020-12) of a file that this package reads: table or
// register. A file that fits it can be read but for what a schema cannot say, such as a
// range of lengths that ends before it begins; whether a table is good is for its check.
func Schema(noun string) ([]byte, bool) {
	schema, known := map[string][]byte{"table": tableSchema, "register": registerSchema}[noun]
	return schema, known
}
