package dev.zhulong.evaluate.text;

import java.util.List;
import java.util.regex.Pattern;

/**
 * Words in the manner of the Penn Treebank, as NLTK's {@code NLTKWordTokenizer} (3.10, {@code nltk/tokenize/destructive.py}) splits one sentence:
 * punctuation and clitics apart, {@code "} as {@code ``} and {@code ''}.
 */
final class TreebankWords {
    /** Python's classes: Java's own know neither the separators below a space nor numbers that are no digits. */
    private static final String SPACE = "[\\s\\x1c-\\x1f]";
    static final String WORD = "[\\p{L}\\p{N}_]";
    private static final String BEGIN = "(?<!" + WORD + ")";
    private static final String END = "(?!" + WORD + ")";

    private record Rule(Pattern pattern, String with) {
        static Rule of(String pattern, String with) {
            // of Unicode's line separators only \n is one before $
            return new Rule(Pattern.compile(pattern, Pattern.UNICODE_CHARACTER_CLASS | Pattern.UNIX_LINES), with);
        }

        String apply(String text) {
            return pattern.matcher(text).replaceAll(with);
        }
    }

    /** In the order in which they are applied; the text is put between spaces before {@link #ENDING}. */
    private static final List<Rule> RULES = List.of(
            Rule.of("([«“‘„]|[`]+)", " $1 "),
            Rule.of("^\"", "``"),
            Rule.of("(``)", " $1 "),
            Rule.of("([ (\\[{<])(\"|'{2})", "$1 `` "),
            Rule.of("(?iu)(?<!" + WORD + ")(')(?!(?:re|ve|ll|m|t|s|d|n)" + END + ")(?=" + WORD + ")", "$1 "),
            Rule.of("([^.])(\\.)([\\]\\)}>\"'»”’ ]*)" + SPACE + "*$", "$1 $2 $3 "),
            Rule.of("([:,])([^\\d])", " $1 $2"),
            Rule.of("([:,])$", " $1 "),
            Rule.of("\\.{2,}", " $0 "),
            Rule.of("[;@#$%&]", " $0 "),
            Rule.of("[\\u2012-\\u2015]", " $0 "),
            Rule.of("([^.])(\\.)([\\]\\)}>\"']*)" + SPACE + "*$", "$1 $2$3 "),
            Rule.of("[?!]", " $0 "),
            Rule.of("([^'])' ", "$1 ' "),
            Rule.of("[*]", " $0 "),
            Rule.of("[\\]\\[(){}<>]", " $0 "),
            Rule.of("--", " -- "));

    private static final List<Rule> ENDING = List.of(
            Rule.of("([»”’])", " $1 "),
            Rule.of("''", " '' "),
            Rule.of("\"", " '' "),
            Rule.of(SPACE + "+", " "),
            Rule.of("([^' ])('[sS]|'[mM]|'[dD]|') ", "$1 $2 "),
            Rule.of("([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", "$1 $2 "),
            contraction("can", "not"), contraction("d", "'ye"), contraction("gim", "me"), contraction("gon", "na"), contraction("got", "ta"),
            contraction("lem", "me"), contraction("more", "'n"),
            Rule.of("(?iu)" + BEGIN + "(wan)(na)(?=" + SPACE + ")", " $1 $2 "),
            Rule.of("(?iu) ('t)(is)" + END, " $1 $2 "),
            Rule.of("(?iu) ('t)(was)" + END, " $1 $2 "));

    private TreebankWords() {}

    private static Rule contraction(String first, String second) {
        return Rule.of("(?iu)" + BEGIN + "(" + first + ")(" + second + ")" + END, " $1 $2 ");
    }

    static List<String> of(CharSequence sentence) {
        String text = sentence.toString();
        for (Rule rule : RULES) {
            text = rule.apply(text);
        }
        text = " " + text + " ";
        for (Rule rule : ENDING) {
            text = rule.apply(text);
        }
        return Whitespace.split(text);
    }
}
