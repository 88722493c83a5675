"""Names of IPython's own magics: to say what is wrong when one stands in a job cell.

IPython itself is not asked: the core cannot import it, and a job can also come from the command line.
``tests/unit/test_magics.py`` compares this list with the IPython that is installed.
"""

IPYTHON = frozenset(
    """
    ! alias alias_magic autoawait autocall automagic autosave bash bookmark capture cat cd clear code_wrap colors conda
    config connect_info cp debug dhist dirs doctest_mode ed edit env file gui hist history html javascript js
    killbgscripts latex ldir less lf lk ll load load_ext loadpy logoff logon logstart logstate logstop ls lsmagic lx
    macro magic mamba man markdown matplotlib micromamba mkdir more mv notebook page pastebin pdb pdef pdoc perl pfile
    pinfo pinfo2 pip popd pprint precision prun psearch psource pushd pwd pycat pylab pypy python python2 python3
    qtconsole quickref recall rehashx reload_ext rep rerun reset reset_selective rm rmdir ruby run save sc script
    set_env sh subshell svg sx system tb time timeit unalias unload_ext uv who who_ls whos writefile xdel xmode
    """.split()  # noqa: SIM905 - a list of a hundred quoted words reads worse
)
