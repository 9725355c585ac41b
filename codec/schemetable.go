package codec

// accountForm is one way a scheme writes its account into templates 26 to 51.
type accountForm struct {
	scheme string
	guids  []string // Lower case; compared without case.
	tag    int      // The template where the form holds; 0 for any.
	parts  []accountPart
}

// accountPart names one part of an account. A part of a part has a path.
type accountPart struct {
	path string // "01"; "01.00" makes 01 a template.
	name string
	role role
}

// accountForms are the schemes seen in public codes and in the schemes' own papers:
// EMVCo-based national codes, and the wallets inside SGQR. Where a scheme's parts are
// not published only its identifier stands here.
var accountForms = []accountForm{
	{scheme: "promptpay", guids: []string{"a000000677010111", "a000000677010114"}, parts: []accountPart{
		{"01", "mobile number", rolePayee}, {"02", "national or tax id", rolePayee},
		{"03", "e-wallet id", rolePayee}}},
	{scheme: "promptpay", guids: []string{"a000000677010112", "a000000677012004"}, parts: []accountPart{
		{"01", "biller id", rolePayee}, {"02", "reference 1", roleNone}, {"03", "reference 2", roleNone}}},
	{scheme: "promptpay", guids: []string{"a000000677010113"}},
	{scheme: "vietqr", guids: []string{"a000000727"}, parts: []accountPart{
		{"01.00", "bank bin", roleAcquirer}, {"01.01", "account", rolePayee}, {"02", "service", roleNone}}},
	{scheme: "paynow", guids: []string{"sg.paynow"}, parts: []accountPart{
		{"01", "proxy type", roleNone}, {"02", "proxy", rolePayee}, {"03", "amount editable", roleNone},
		{"04", "expiry date", roleNone}}},
	{scheme: "sgqr", guids: []string{"sg.sgqr"}, parts: []accountPart{
		{"01", "sgqr id", roleNone}, {"02", "version", roleNone}, {"03", "postal code", roleNone},
		{"04", "level", roleNone}, {"05", "unit", roleNone}, {"06", "miscellaneous", roleNone},
		{"07", "version date", roleNone}}},
	{scheme: "wechat", guids: []string{"com.qq.weixin.pay"}, parts: []accountPart{
		{"01", "merchant id", rolePayee}}},
	{scheme: "alipay", guids: []string{"com.alipay", "com.alipay.openapi"}},
	{scheme: "grab", guids: []string{"com.grab"}},
	{scheme: "dbs", guids: []string{"com.dbs"}},
	{scheme: "nets", guids: []string{"sg.com.nets"}},
	{scheme: "ocbc", guids: []string{"sg.com.ocbc"}},
	{scheme: "uob", guids: []string{"sg.com.uob"}},
	{scheme: "dash", guids: []string{"sg.com.dash.www"}, parts: []accountPart{{"01", "merchant id", rolePayee}}},
	{scheme: "ezlink", guids: []string{"sg.com.ezlink"}, parts: []accountPart{{"01", "merchant id", rolePayee}}},
	{scheme: "airpay", guids: []string{"sg.airpay"}},
	{scheme: "liquid", guids: []string{"a0000007620001", "com.lqdpalliance.www"}},
	{scheme: "duitnow", guids: []string{"a0000006150001"}, parts: []accountPart{
		{"01", "acquirer id", roleAcquirer}, {"02", "merchant id", rolePayee}}},
	{scheme: "qris", guids: []string{"id.co.qris.www"}, parts: []accountPart{
		{"02", "national merchant id", rolePayee}, {"03", "merchant criteria", roleNone}}},
	{scheme: "qrph", guids: []string{"ph.instapay.me"}},
	{scheme: "fps", guids: []string{"hk.com.hkicl"}, parts: []accountPart{
		{"01", "clearing code", roleAcquirer}, {"02", "fps id", rolePayee}, {"03", "mobile number", rolePayee},
		{"04", "e-mail", rolePayee}, {"05", "time-out", roleNone}}},
	{scheme: "lapnet", guids: []string{"a005266284662577"}, parts: []accountPart{
		{"01", "bank", roleAcquirer}, {"02", "type", roleNone}, {"03", "account token", rolePayee}}},
	{scheme: "nepalpay", guids: []string{"np.gov.nrb"}},
	{scheme: "bharatqr", guids: []string{"a000000524"}, parts: []accountPart{
		{"01", "vpa", rolePayee}, {"02", "minimum amount", roleNone}}},
	{scheme: "bharatqr", guids: []string{"a000000524"}, tag: 27, parts: []accountPart{
		{"01", "reference", roleNone}}},
	{scheme: "bharatqr", guids: []string{"a000000524"}, tag: 28, parts: []accountPart{
		{"01", "aadhaar number", roleNone}}},
	{scheme: "pix", guids: []string{"br.gov.bcb.pix"}, parts: []accountPart{
		{"01", "key", rolePayee}, {"02", "text", roleNone}, {"25", "url", roleNone}}},
	{scheme: "jpqr", guids: []string{"jp.or.paymentsjapan"}, parts: []accountPart{
		{"01", "jpqr part 1, 13 digits", roleNone}, {"02", "jpqr part 2, 4 digits", roleNone},
		{"03", "jpqr part 3, 6 digits", roleNone}, {"04", "jpqr part 4, 6 digits", roleNone}}},
	khqrForm,
}

// khqrForm has no identifier of its own: part 00 of template 29 (a person) or 30 (a
// merchant) is the payee's Bakong account, name@bank.
var khqrForm = accountForm{scheme: "khqr", parts: []accountPart{
	{"00", "bakong account", rolePayee}, {"01", "account or merchant id", roleNone}, {"02", "bank", roleAcquirer}}}

// calling is the name that a scheme gives to an object which carries no identifier of it.
type calling struct {
	scheme      string
	first, last int // Root objects.
	part        int // Part of the template, -1 for the object itself.
	name        string
}

var callings = []calling{
	{"qris", 26, 45, 1, "merchant pan"}, {"qris", 26, 45, 2, "merchant id"},
	{"qris", 26, 45, 3, "merchant criteria"},
	{"khqr", 99, 99, 0, "time stamp, milliseconds"},
	{"bharatqr", 6, 6, -1, "rupay pan"}, {"bharatqr", 8, 8, -1, "ifsc and account"},
}
