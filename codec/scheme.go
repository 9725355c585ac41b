package codec

import "strings"

// account is what a template 26 to 51 turns out to be.
type account struct {
	scheme string
	layout *layout
	byTag  map[int]*layout // Where the scheme writes another form under one template.
}

// accounts finds a scheme by its globally unique identifier in lower case.
var accounts, khqrAccount = makeAccounts()

func makeAccounts() (map[string]*account, *account) {
	all := map[string]*account{}
	for i := range accountForms {
		form := &accountForms[i]
		for _, guid := range form.guids {
			if all[guid] == nil {
				all[guid] = &account{scheme: form.scheme, layout: form.layout()}
			}
			if form.tag == 0 {
				continue
			}
			if all[guid].byTag == nil {
				all[guid].byTag = map[int]*layout{}
			}
			all[guid].byTag[form.tag] = form.layout()
		}
	}
	return all, &account{scheme: khqrForm.scheme, layout: khqrForm.layout()}
}

// layout is the form's table of parts.
func (f *accountForm) layout() *layout {
	l := *accountLayout
	for _, part := range f.parts {
		place(&l, part)
	}
	return &l
}

// place puts a part into l, making templates on the way.
func place(l *layout, part accountPart) {
	id := int(part.path[0]-'0')*10 + int(part.path[1]-'0')
	if len(part.path) == 2 {
		l[id].name, l[id].role = part.name, part.role
		return
	}
	if l[id].inner == nil {
		l[id].inner = &layout{}
	}
	part.path = part.path[3:]
	place(l[id].inner, part)
}

// accountOf finds the scheme of template id by its identifier, nil where none is known.
func accountOf(id int, guid string) *account {
	var lower [identifierMax]byte
	if len(guid) > len(lower) {
		return nil
	}
	for i := range len(guid) {
		c := guid[i]
		if c-'A' < 26 {
			c |= 0x20
		}
		lower[i] = c
	}
	if a := accounts[string(lower[:len(guid)])]; a != nil {
		return a
	}
	if (id == 29 || id == 30) && strings.IndexByte(guid, '@') > 0 {
		return khqrAccount
	}
	return nil
}

// at is the layout that the account has in template id.
func (a *account) at(id int) *layout {
	if l := a.byTag[id]; l != nil {
		return l
	}
	return a.layout
}

// unionPayAccountSize is the length of a UnionPay account in objects 15 and 16: acquirer
// 8, forwarder 8, merchant 15 characters.
const unionPayAccountSize = 31

// schemeUnionPay is the scheme of objects 15 and 16.
const schemeUnionPay = "unionpay"

// setUnionPay splits a UnionPay account into its three parts. It goes before every
// other account of the code: this is the network that the switch can reach. Of two the
// first that can be split is taken.
func (c *Code) setUnionPay(value string) {
	m := &c.Merchant
	if c.Scheme != schemeUnionPay {
		c.Scheme = schemeUnionPay
		m.Acquirer, m.Forwarder, m.ID = "", "", "" // Of an account that stood before.
	}
	if m.ID == "" && len(value) == unionPayAccountSize && plainPrefix(value) == len(value) {
		m.Acquirer, m.Forwarder, m.ID = value[:8], value[8:16], value[16:]
	}
}

// nameScheme gives the code the scheme of an account, the first one's, and reports
// whether that account may say who the payee is: the first of the code's scheme that does.
// A payee of one scheme is nobody, or somebody else, in another.
func (c *Code) nameScheme(scheme string) bool {
	if c.Scheme == "" {
		c.Scheme = scheme
	}
	return c.Scheme == scheme && c.Merchant.ID == "" && c.Merchant.Acquirer == ""
}

// callByScheme gives names to objects that only the code's scheme explains.
func (c *Code) callByScheme() {
	for i := range callings {
		call := &callings[i]
		if call.scheme != c.Scheme {
			continue
		}
		for j := range c.Fields {
			if call.means(c.Fields[j].Path) {
				c.Fields[j].Name = call.name
			}
		}
	}
}

func (call *calling) means(path string) bool {
	id := int(path[0]-'0')*10 + int(path[1]-'0')
	if id < call.first || id > call.last {
		return false
	}
	if call.part < 0 {
		return len(path) == 2
	}
	return len(path) == 5 && int(path[3]-'0')*10+int(path[4]-'0') == call.part
}
