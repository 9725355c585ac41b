package gateway

import (
	_ "embed"

	"github.com/valyala/fasthttp"
)

// openAPIDocument describes the API: OpenAPI 3.1 in JSON.
//
//go:embed openapi.json
var openAPIDocument []byte

func (d *desk) openAPI() {
	d.out = append(d.out[:0], openAPIDocument...)
	d.answer(fasthttp.StatusOK)
}
