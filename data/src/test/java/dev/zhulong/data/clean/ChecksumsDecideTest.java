package dev.zhulong.data.clean;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class ChecksumsDecideTest {

    /** ISO 7064 MOD 11-2 says: the digits as a polynomial in 2, check character included, are 1 modulo 11. */
    @Property(tries = 300)
    void residentIdHasExactlyOneCheckCharacter(@ForAll @IntRange(max = 999) int serial, @ForAll @IntRange(min = 1950,
            max = 2020) int year) {
        String body = String.format("440305%04d0615%03d", year, serial);
        int valid = 0;
        for (char check : "0123456789X".toCharArray()) {
            BigInteger sum = BigInteger.ZERO;
            for (char digit : body.toCharArray()) {
                sum = sum.add(BigInteger.valueOf(digit - '0')).shiftLeft(1);
            }
            boolean expected = sum.add(BigInteger.valueOf(check == 'X' ? 10 : check - '0')).mod(BigInteger.valueOf(11)).intValue() == 1;
            assertThat(ResidentId.isValid(body + check)).isEqualTo(expected);
            valid += expected ? 1 : 0;
        }
        assertThat(valid).isEqualTo(1);
    }

    /** Luhn catches every single wrong digit. */
    @Property(tries = 300)
    void oneWrongDigitSpoilsACard(@ForAll @IntRange(min = 1, max = 15) int position, @ForAll @IntRange(min = 1, max = 9) int change) {
        String card = "4539148803436467";
        assertThat(PaymentCard.isValid(card)).isTrue();
        char wrong = (char) ('0' + (card.charAt(position) - '0' + change) % 10);
        assertThat(PaymentCard.isValid(card.substring(0, position) + wrong + card.substring(position + 1))).isFalse();
    }
}
