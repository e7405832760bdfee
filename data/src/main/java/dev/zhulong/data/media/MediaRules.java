package dev.zhulong.data.media;

/**
 * What pictures, recordings and their texts must be to stay.
 *
 * @param minSide                the shorter side of a picture at least, in pixels
 * @param maxAspect              the longer side over the shorter one at most
 * @param minContrast            standard deviation of a picture's grey levels at least
 * @param minSharpness           variance of its Laplacian at least ({@code PictureMeasures})
 * @param minSeconds             of a recording at least
 * @param maxSeconds             at most
 * @param minLoudness            of its loudest tenth of a second at least, in decibels below full scale
 * @param maxClipped             share of samples at full scale at most
 * @param maxRepeats             pictures or recordings that the same text may belong to
 * @param charactersPerSecond    of a recording's text at most; Chinese, Japanese and Korean characters count as three
 * @param hashDistance           bits of 64 in which perceptual hashes of pictures that are alike differ at most; negative to keep all that are not equal
 */
public record MediaRules(int minSide, double maxAspect, double minContrast, double minSharpness, double minSeconds, double maxSeconds, double minLoudness, double maxClipped, int maxRepeats,
        double charactersPerSecond, int hashDistance) {
    /** What suits photographs and speech. */
    public static final MediaRules DEFAULT = new MediaRules(32, 8, 4, 15, 0.2, 1800, -55, 0.01, 10, 40, 4);

    /** @throws IllegalArgumentException that names the value which is out of its range */
    public MediaRules {
        require(minSide >= 1, "the least side must be at least 1, found " + minSide);
        require(maxAspect >= 1, "the longer side over the shorter one must be allowed to be at least 1, found " + maxAspect);
        require(minContrast >= 0 && minSharpness >= 0, "contrast and sharpness must be at least 0");
        require(minSeconds >= 0 && maxSeconds > minSeconds, "the least seconds must be at least 0 and below the most, found " + minSeconds + " and " + maxSeconds);
        require(minLoudness <= 0, "a loudness is at most 0 decibels, found " + minLoudness);
        require(maxClipped >= 0 && maxClipped <= 1, "a share of samples is from 0 to 1, found " + maxClipped);
        require(maxRepeats >= 1 && charactersPerSecond > 0, "repeats of a text must be at least 1 and characters a second above 0");
        require(hashDistance <= 16, "hashes that differ in more than 16 bits are of other pictures, found " + hashDistance);
    }

    private static void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalArgumentException(otherwise);
        }
    }
}
