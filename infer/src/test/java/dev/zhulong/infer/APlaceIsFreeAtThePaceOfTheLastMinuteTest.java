package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class APlaceIsFreeAtThePaceOfTheLastMinuteTest {
    private long now = 1000;
    private final Pace pace = new Pace(() -> now);

    private void work(int seconds, int everySeconds) {
        for (int i = 1; i <= seconds; i++) {
            now++;
            if (i % everySeconds == 0) {
                pace.freed();
            }
        }
    }

    @Test
    void aQuietNightIsNotPartOfIt() {
        pace.begin();
        work(20, 2);
        now += 40_000;
        pace.begin();
        assertThat(pace.retryAfter()).isEqualTo(5);
        work(20, 2);
        assertThat(pace.retryAfter()).isBetween(2, 3);
    }

    @Test
    void whatWasBeforeTheLastMinuteIsForgotten() {
        pace.begin();
        work(300, 30);
        assertThat(pace.retryAfter()).isEqualTo(30);
        work(60, 1);
        assertThat(pace.retryAfter()).isEqualTo(1);
        work(120, 20);
        assertThat(pace.retryAfter()).isEqualTo(20);
    }

    @Test
    void wherePlacesTakeLongItSaysSo() {
        pace.begin();
        work(45, 1000);
        assertThat(pace.retryAfter()).isBetween(45, 46);
        work(500, 1000);
        assertThat(pace.retryAfter()).isEqualTo(60);
    }
}
