package dev.zhulong.media;

/**
 * Pillow's resizing, to the bit (its Resample.c): a weighted mean over the support of a filter, which is stretched where the picture becomes smaller; rows first,
 * then columns, with bytes in between; weights in doubles, then in 22 bits of fraction.
 */
public enum Resampling {
    /** The nearest pixel. Not for pictures that a model sees, but some processors ask for it. */
    NEAREST(0) {
        @Override
        double at(double x) {
            throw new IllegalStateException("the nearest pixel has no weights");
        }
    },
    LANCZOS(3) {
        @Override
        double at(double x) {
            return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
        }
    },
    BILINEAR(1) {
        @Override
        double at(double x) {
            double distance = Math.abs(x);
            return distance < 1 ? 1 - distance : 0;
        }
    },
    BICUBIC(2) {
        @Override
        double at(double x) {
            double d = Math.abs(x);
            return d < 1 ? (1.5 * d - 2.5) * d * d + 1 : d < 2 ? (((d - 5) * d + 8) * d - 4) * -0.5 : 0;
        }
    },
    BOX(0.5) {
        @Override
        double at(double x) {
            return x > -0.5 && x <= 0.5 ? 1 : 0;
        }
    },
    HAMMING(1) {
        @Override
        double at(double x) {
            double distance = Math.abs(x);
            if (distance == 0) {
                return 1;
            }
            // the constants are floats there
            return distance < 1 ? Math.sin(distance * Math.PI) / (distance * Math.PI) * (0.54f + 0.46f * Math.cos(distance * Math.PI)) : 0;
        }
    };

    private final double support;

    Resampling(double support) {
        this.support = support;
    }

    /** The weight at a distance from the middle. */
    abstract double at(double x);

    /** Half of the filter's width, in pixels of the larger picture. */
    double support() {
        return support;
    }

    /**
     * The filter that a processor's file means.
     *
     * @param number Pillow's: 0 nearest, 1 Lanczos, 2 bilinear, 3 bicubic, 4 box, 5 Hamming
     * @throws IllegalArgumentException if it is another
     */
    public static Resampling of(int number) {
        if (number < 0 || number >= values().length) {
            throw new IllegalArgumentException("resampling " + number + " is not known: 0 is nearest, 1 Lanczos, 2 bilinear, 3 bicubic, 4 box, 5 Hamming");
        }
        return values()[number];
    }

    /** {@code picture} in another size. */
    public Picture resize(Picture picture, int width, int height) {
        if (picture.width() == width && picture.height() == height) {
            return picture;
        }
        return this == NEAREST ? Resize.nearest(picture, width, height) : Resize.weighted(picture, width, height, this);
    }

    private static double sinc(double x) {
        return x == 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
    }
}
