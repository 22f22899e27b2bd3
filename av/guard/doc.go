// Package guard holds decorators that keep engines, and what they run on, from being worn out: [Pool] limits
// how many scans run at the same time, [Budget] how long one message may take, [Break] stops asking an engine that does not answer. What they refuse
// to do is a gap, never a pass.
package guard
