package content

// formatOf returns the format that opens items of a media type, nil for leaves.
func formatOf(typ string) format {
	switch typ {
	case typeJSON:
		return jsonFormat{}
	}
	return nil
}

// The media types that formats are told by.
const (
	typeJSON   = "application/json"
	typeBinary = "application/octet-stream"
	typeText   = "text/plain"
)
