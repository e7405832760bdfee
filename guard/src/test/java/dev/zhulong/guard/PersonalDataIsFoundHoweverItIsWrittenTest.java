package dev.zhulong.guard;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PersonalDataIsFoundHoweverItIsWrittenTest {
    private static final Policy POLICY = Policy.load(List.of("builtin:privacy"));

    private static String out(String text) {
        return POLICY.review(text, new Context(true, "", ""), AuditLog.NONE).text();
    }

    /** With Luhn's check digit behind. */
    private static String card(String digits) {
        for (int last = 0; last < 10; last++) {
            if (Checks.luhn(digits + last)) {
                return digits + last;
            }
        }
        throw new AssertionError(digits);
    }

    /** In groups of so many digits. */
    private static String grouped(String digits, String separator, int... groups) {
        var text = new StringBuilder();
        int at = 0;
        for (int group : groups) {
            text.append(at == 0 ? "" : separator).append(digits, at, at + group);
            at += group;
        }
        assertThat(at).isEqualTo(digits.length());
        return text.toString();
    }

    @Test
    void aCardOfAnyLengthInAnyUsualGroups() {
        String sixteen = card("411122223333444");
        String nineteen = card("622202123456789012");
        for (String separator : List.of(" ", "-", ".", "\u2011", "\u00a0", " - ", " – ")) {
            assertThat(List.of(grouped(card("37828224631000"), separator, 4, 6, 5), grouped(card("3056930902590"), separator, 4, 6, 4), grouped(sixteen, separator, 4, 4, 4, 4),
                    grouped(nineteen, separator, 4, 4, 4, 4, 3), grouped(nineteen, separator, 6, 13), grouped(card("41112222333344445"), separator, 4, 4, 4, 4, 2),
                    grouped(card("422222222222"), separator, 4, 4, 4, 1), grouped(card("501234567890"), separator, 4, 4, 5), grouped(sixteen, " ", 8, 8),
                    grouped(sixteen, separator, 2, 2, 2, 2, 2, 2, 2, 2), String.join(separator, sixteen.split(""))))
                    .allSatisfy(number -> assertThat(out("a " + number + ", b")).as(number).isEqualTo("a [card], b"));
        }
        for (int length = 13; length <= 19; length++) {
            assertThat(out(card("4242424242424242424".substring(0, length - 1)))).isEqualTo("[card]");
        }
        assertThat(out("1234 " + grouped(sixteen, " ", 4, 4, 4, 4) + " 12")).isEqualTo("1234 [card] 12");
    }

    @Test
    void withAnyDashAndAnyDigits() {
        for (String dash : List.of("-", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212", "\ufe58", "\ufe63", "\uff0d", "\u00ad", "\u2043", "\u00a0", "\u2007", "\u202f", "\\u2011", "\\u002d")) {
            assertThat(out("4111" + dash + "1111" + dash + "1111" + dash + "1111")).as(dash).isEqualTo("[card]");
            assertThat(out("138" + dash + "0013" + dash + "8000")).as(dash).isEqualTo("[phone]");
            assertThat(out("+49" + dash + "30" + dash + "901820")).as(dash).isEqualTo("[phone]");
        }
        assertThat(out("４１１１ １１１１ １１１１ １１１１ ٤١١١١١١١١١١١١١١١ १३८००१३८०००")).isEqualTo("[card] [card] [phone]");
    }

    @Test
    void withSpacesAroundADashAndWithWhatIsWrittenForOne() {
        for (String dash : List.of(" - ", "- ", " \u2013 ", " \u2014 ", " . ", "/", " / ", "\u30fc", "\uff70", "\u2500", "\u2796", "\u02d7", "\u00a0\u2212\u00a0")) {
            assertThat(out("4111" + dash + "1111" + dash + "1111" + dash + "1111")).as(dash).isEqualTo("[card]");
            assertThat(out("3782" + dash + "822463" + dash + "10005")).as(dash).isEqualTo("[card]");
            assertThat(out("138" + dash + "0013" + dash + "8000, 1380" + dash + "013" + dash + "8000")).as(dash).isEqualTo("[phone], [phone]");
            assertThat(out("+49" + dash + "30" + dash + "901820")).as(dash).isEqualTo("[phone]");
            assertThat(out("110105" + dash + "19491231" + dash + "002X")).as(dash).isEqualTo("[identity number]");
            assertThat(out("DE89" + dash + "3704" + dash + "0044" + dash + "0532" + dash + "0130" + dash + "00")).as(dash).isEqualTo("[account]");
        }
        for (String text : List.of("1 - 2 - 3 - 4 - 5 - 6 - 7 - 8 - 9 - 1 - 2 - 3 - 4", "10/12/2023 - 11/12/2023", "2023-01-15 - 2023-02-15", "+5 - 3 - 1 - 2", "1/2/3/4/5/6/7/8/9/10/11", "4111 -- 1111")) {
            assertThat(out(text)).isEqualTo(text);
        }
    }

    @Test
    void gluedToLettersButNotToDigits() {
        assertThat(out("tel13800138000 card4111111111111111")).isEqualTo("tel[phone] card[card]");
        assertThat(out("13800138000tel 4111111111111111card, 电话13800138000号")).isEqualTo("[phone]tel [card]card, 电话[phone]号");
        assertThat(out("tel+33612345678x, id11010519491231002Xok, _4111111111111111_")).isEqualTo("tel[phone]x, id[identity number]ok, _[card]_");
        assertThat(out("ibanDE89370400440532013000was ip93.184.216.34x")).isEqualTo("iban[account]was ip[address]x");
        assertThat(out("call +1 800 555 0199 2024 times, +4930901820+4930901821")).isEqualTo("call [phone] 2024 times, [phone][phone]");
        assertThat(out("138001380001 241111111111111110")).isEqualTo("138001380001 241111111111111110");
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "+33 6 12 34 56 78", "+33 1 42 68 53 00", "+31 6 12345678", "+33612345678", "+33 (0)6 12 34 56 78", "+44 (0)20 7946 0958", "+44(0)2079460958", "+49 (0) 30 901820", "+1-800-555-0199",
        "+1 (212) 456-7890", "+1 212 456 7890", "+1.2124567890", "+86 138 0013 8000", "+86-10-6234-5678", "+86 1 3 8 0 0 1 3 8 0 0 0", "+7 (495) 123-45-67", "+41 44 668 18 00", "+358 9 1234567",
        "+65 6123 4567", "+683 4000", "(+86)13800138000", "+44.7700900123", "+49(30)901820", "+33-(0)6-12-34-56-78", "0033 6 12 34 56 78", "0086 13800138000", "+ 49 30 901820", "+49/30/901820", "+4930901820", "1380 013 8000", "13800 138000", "＋８６１３８００１３８０００"})
    void aPhoneInGroupsOfAnyLength(String phone) {
        assertThat(out("a " + phone + ", b").replace("([phone]", "[phone]")).matches("a (00|\\()?\\[phone], b");
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "2001:db8::8a2e:370:7334", "2001:0DB8:85A3:0000:0000:8A2E:0370:7334", "2001:db8:0:0:1:0:0:1", "fe80::1", "fe80::1%eth0", "::1", "::ffff:93.184.216.34", "64:ff9b::93.184.216.34", "fd00::",
        "1:2:3:4:5:6:7:8", "abcd:ef01:2345:6789:abcd:ef01:2345:6789", "2001:db8::", "::2345:6789", "ＦＥ８０：：１"})
    void anAddressOfIpv6(String address) {
        assertThat(out("a " + address + " b")).isEqualTo("a [address] b");
        assertThat(out("[" + address + "]:443")).isEqualTo("[[address]]:443");
        assertThat(out("addr:" + address + ". source:" + address)).isEqualTo("addr:[address]. source:[address]");
    }

    @Test
    void anAddressOfIpv6InASentence() {
        assertThat(out("fe80::1: no route")).isEqualTo("[address]: no route");
        assertThat(out("addr2001:db8::1, http://[2001:db8::1]/")).isEqualTo("addr[address], http://[[address]]/");
        assertThat(out("2001:db8::/32, dns=2001:4860:4860::8888,2001:4860:4860::8844")).isEqualTo("[address]/32, dns=[address],[address]");
        assertThat(out("2001:db8:85a3:8d3:1319:8a2e:370:7348:443")).isEqualTo("[address]:443");
    }

    @ParameterizedTest
    @ValueSource(strings = {"_", "a", "9", "+", ".", "-", "x1", "a ", "+1 ", "1.", "12:", "ab:", "(", "(+", "a@", "aa11 ", "\\", "\\u0061", "\u0301", "4 "})
    void behindAWordOfAnyLength(String before) {
        for (int times : new int[] {99, 199, 983, 1001, 2003, 5000}) {
            String word = before.repeat(times);
            assertThat(out(word + " john.smith@example.com")).as(before).endsWith("[email]").doesNotContain("smith");
            assertThat(out(word + "_john.smith@example.com")).as(before).endsWith("[email]").doesNotContain("smith");
            assertThat(out(word + ", 13800138000, 4111 1111 1111 1111, DE89 3704 0044 0532 0130 00, 93.184.216.34, 2001:db8::1, 11010519491231002X, +33 6 12 34 56 78")).as(before)
                    .endsWith(", [phone], [card], [account], [address], [address], [identity number], [phone]");
        }
    }

    @Test
    void behindNumbersThatFailTheirCheck() {
        assertThat(out("4111 1111 1111 1112 4111 1111 1111 1111")).endsWith("[card]").doesNotContain("4111 1111 1111 1111");
        assertThat(out("ab12 DE89 3704 0044 0532 0130 00")).isEqualTo("ab12 [account]");
        assertThat(out("12 110105 19491231 002X")).isEqualTo("12 [identity number]");
        assertThat(out("DE89-3704-0044-0532-0130-00 GB82.WEST.1234.5698.7654.32")).isEqualTo("[account] [account]");
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "version 1.2.3.4, v1.2.3.4, 1.2.3.4.5 and 1.2.3", "10.0.0.256", "2024-01-15 10:22:33", "12:30:45 and 12:30:45:10", "std::vector a::b std::dec::add Vector3::Add2 x[::2] x[1::2] std::1 ::",
        "00:1a:2b:3c:4d:5e and 00:1a:2b:ff:fe:3c:4d:5e", "9f:86:d0:81:88:4c:7d:65:9a:2f:ea:a0:c5:5a:d0:15", "pi is 3.141592653589793 or +3.14159265", "0.4111111111111111", "order 4111111111111112",
        "sha256 9f86d081884c4111111111111111a0c55ad015a3bf4f1b2b0b822cd15d6c15b0", "account 47223179-9330-4259-b66c-f2db26efb20c", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15", "+10000 points", "5+1234567",
        "2+2", "+0800", "20240115", "1999 2000 2001", "foo::bar::Baz", "in 2023 4567 items 1234", "a: b: c::d", "x::y::z", "10:30::am", "IPv4", "dead::beef", "12345678", "1,234,567,890", "8:30", "24/7", "at +49.123456, +8.1234567", "temp +12.3456789", "+1234567 -1234 lines", "2024+1234567", "ratio 1::2", "aa::bb", "a:b::c", "a:a:a:a:a:a:a:a:a:a:a:a", "1:2:3:4:5:6:7:8:9:10", "css a::before b::after dd::add"})
    void otherNumbersAreLeftAlone(String text) {
        assertThat(out(text)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"luhn, \\d+", "iban, '[a-z0-9]+'", "id-card-cn, \\w+", "ip, '[\\d.:]+'"})
    void aCheckFailsWhereAPatternFindsSomethingOfAnotherForm(String check, String pattern) {
        for (String text : List.of("1", "a", "1.2", "::", "de", "999.999.999.999", "000", "x".repeat(18), "a1")) {
            assertThat(found(pattern, check, text)).as(text).isZero();
        }
    }

    private static int found(String pattern, String check, String text) {
        var folded = new FoldedText(Folding.PLAIN, false);
        text.chars().forEach(c -> folded.add((char) c));
        Finder finder = PatternMatcher.of("t", pattern, Checks.ALL.get(check)).finder(folded);
        var found = new ArrayList<Finder.Found>();
        for (int i = 0; i < folded.length(); i++) {
            finder.next(found);
        }
        finder.finish(found);
        return found.size();
    }
}
