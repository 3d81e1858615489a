"""The split is the same in every pass and on every machine."""

import numpy as np
import pytest

from glassnet import InputError
from glassnet.streaming.splitting import check_fraction, hash_groups, hash_rows, is_validation


def test_the_hash_of_a_row_is_splitmix64_and_never_changes():
    # the first numbers that Vigna's splitmix64.c gives from the state 0
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC, 0x1B39896A51A8749B]
    assert hash_rows(0, 5).tolist() == expected
    assert hash_rows(3, 2).tolist() == expected[3:]
    assert np.flatnonzero(is_validation(hash_rows(0, 60), 0.1)).tolist() == [2, 32, 33, 41, 42, 43, 53]


def test_the_hash_of_a_group_never_changes_and_does_not_depend_on_the_type():
    assert hash_groups(np.array(["ann", "ben"], object)).tolist() == [11957940740637538957, 12745485179179269273]
    whole = np.array([3, 12, 3])
    fractions = np.array([3.0, 12.0, 3.0])
    text = np.array(["3", "12", "3"], object)
    assert hash_groups(whole).tolist() == hash_groups(fractions).tolist() == hash_groups(text).tolist()


def test_the_split_has_about_the_fraction_and_a_larger_one_contains_a_smaller_one():
    hashes = hash_rows(0, 200_000)
    tenth = is_validation(hashes, 0.1)
    fifth = is_validation(hashes, 0.2)
    assert tenth.mean() == pytest.approx(0.1, abs=0.003) and fifth.mean() == pytest.approx(0.2, abs=0.004)
    assert not (tenth & ~fifth).any()
    assert not is_validation(hashes, 0.0).any()


def test_hashes_do_not_depend_on_the_start_of_a_block():
    whole = hash_rows(0, 1000)
    np.testing.assert_array_equal(np.concatenate([hash_rows(0, 7), hash_rows(7, 993)]), whole)


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 2, float("nan")])
def test_an_invalid_fraction_is_rejected(fraction):
    with pytest.raises(InputError, match="at least 0 and below 1"):
        check_fraction(fraction)
