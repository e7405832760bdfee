/**
 * Recipes: YAML files that become Java records, and records that become YAML again.
 *
 * <p>A record component {@code maxNewTokens} is the field {@code max_new_tokens}; an enum constant {@code ONE_MINUS_SQRT} is written
 * {@code one-minus-sqrt}. The record's types decide how a value is read, not YAML's own guessing: {@code no} is the text "no" where
 * text is expected, and an error where a number is.
 *
 * <p>A field that is absent, or has nothing after its colon, has its default: the value in the enclosing record's default where there
 * is one, else the one of its own type. Defaults come from a record's {@code static T defaults()}. Without one, lists and maps are
 * empty, Optionals are empty, primitive types are required, and anything else is {@code null} for the record's compact constructor
 * to fill in or to refuse. {@code null} written out clears a field.
 *
 * <p>Anything unknown, doubled or of the wrong type is a {@link dev.zhulong.formats.yaml.RecipeException} with file, line, column
 * and field.
 */
package dev.zhulong.formats.yaml;
