/**
 * The part of the Jinja template language that chat templates use, as jinja2's {@code ImmutableSandboxedEnvironment} renders it with
 * {@code trim_blocks}, {@code lstrip_blocks}, loop controls and transformers' additions ({@code tojson} without HTML escapes,
 * {@code raise_exception}, {@code strftime_now}, {@code generation} blocks).
 *
 * <p>Everything is interpreted: no value is a Java object that a template could look into, nothing is called by reflection, and work,
 * sizes and depth are bounded, so that a template from anywhere can be rendered. Every string remembers of each of its characters whether
 * it was written by the template or by the conversation ({@link dev.zhulong.text.chat.jinja.Text}).
 */
package dev.zhulong.text.chat.jinja;
