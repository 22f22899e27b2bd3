package sanitize

const (
	// maxNames bounds how many names are remembered, maxName the length of one, in bytes.
	maxNames = 1024
	maxName  = 48
)

// cleanNames remembers names of members in which nothing was found: documents repeat the same few thousands of times.
// Rules can ask for the item's type, so it is one set a type.
type cleanNames struct {
	kind string
	set  map[string]struct{}
}

// begin readies the set for an item of the type.
func (n *cleanNames) begin(kind string) {
	if n.set == nil {
		n.set = make(map[string]struct{})
	}
	if n.kind != kind || len(n.set) >= maxNames {
		clear(n.set)
		n.kind = kind
	}
}

func (n *cleanNames) has(name []byte) bool {
	_, ok := n.set[string(name)]
	return ok && len(name) <= maxName
}

func (n *cleanNames) add(name []byte) {
	if len(name) > maxName || len(n.set) >= maxNames {
		return
	}
	if _, ok := n.set[string(name)]; !ok {
		n.set[string(name)] = struct{}{}
	}
}
